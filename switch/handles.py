"""Handles: the small number by which an entry's direct counter, direct meter and last hit are found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rackplane.switch.errors import Code, RequestError

DEFAULT_HANDLE = 0


class DirectCells(Protocol):
    """A direct resource of a table: one cell per handle."""

    def clear(self, handles: Sequence[int]) -> None:
        """Put cells into the state that a new entry begins with."""


class Handles:
    """Gives each entry of a table a handle; `cells` are the resources that it stands for."""

    def __init__(self, size: int, cells: Sequence[DirectCells]) -> None:
        self._size = size
        self._cells = cells
        self._free: list[int] = []
        self._dirty: list[int] = []
        self.end = DEFAULT_HANDLE + 1

    def take(self) -> int:
        """Return a handle that no entry has; clean() clears the cells of one that an earlier entry had."""
        if self._free:
            handle = self._free.pop()
            self._dirty.append(handle)
            return handle
        if self.end > self._size:
            raise RequestError(Code.RESOURCE_EXHAUSTED, f"all {self._size} cells of direct resources are in use")
        self.end += 1
        return self.end - 1

    def give_back(self, handle: int) -> None:
        """Let another entry have the handle."""
        self._free.append(handle)

    def clean(self) -> None:
        """Clear the cells of handles that were taken over from earlier entries since the last call."""
        if self._dirty:
            dirty, self._dirty = self._dirty, []
            for cells in self._cells:
                cells.clear(dirty)
