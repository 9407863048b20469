"""Fixtures of the end-to-end tests."""

from rackplane_command import edge_list, rackplane

__all__ = ["edge_list", "rackplane"]
