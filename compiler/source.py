"""Places in a P4 source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A place in a P4 source: file name, 1-based line and column, and the length of the marked text."""

    file: str
    line: int
    column: int
    length: int = 1


NOWHERE = Span("", 0, 0, 0)
