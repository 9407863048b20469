"""What can go wrong with a benchmark."""

from __future__ import annotations


class BenchError(Exception):
    """The benchmark could not be taken; the text says why."""
