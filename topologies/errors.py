"""Errors of starting and using a rack."""

from __future__ import annotations


class LaunchError(Exception):
    """A rack, or a part of it, could not be started; the text says what, why, and what to do."""
