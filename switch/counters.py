"""Counters: indexed ones by P4Runtime id, and the direct ones that belong to a table's entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from finsy.proto import p4r

from rackplane.compiler.manifest import CounterLayout
from rackplane.switch.errors import Code, RequestError, invalid
from rackplane.switch.maps import PerCpuCounters

READ_CHUNK = 4096


class IndexedCounter:
    """counter(size, unit)."""

    def __init__(self, layout: CounterLayout, cells: PerCpuCounters) -> None:
        self.layout = layout
        self._cells = cells

    def write(self, entry: p4r.CounterEntry) -> None:
        """Set one cell, or every cell when no index is given; nothing when there is no data."""
        indices = self._indices(entry)
        if entry.HasField("data"):
            words = counter_words(entry.data, f"counter {self.layout.name}")
            for start in range(indices.start, indices.stop, READ_CHUNK):
                self._cells.write(range(start, min(start + READ_CHUNK, indices.stop)), words)

    def read(self, entry: p4r.CounterEntry) -> Iterator[p4r.Entity]:
        """Yield one cell, or every cell when no index is given."""
        indices = self._indices(entry)
        for start in range(indices.start, indices.stop, READ_CHUNK):
            count = min(READ_CHUNK, indices.stop - start)
            for offset, (packets, octets) in enumerate(self._cells.read(start, count).tolist()):
                cell = p4r.Entity()
                cell.counter_entry.counter_id = self.layout.id
                cell.counter_entry.index.index = start + offset
                cell.counter_entry.data.packet_count = packets
                cell.counter_entry.data.byte_count = octets
                yield cell

    def snapshot(self, entry: p4r.CounterEntry) -> Callable[[], None]:
        """Return what puts the cells that an entry names back to what they are now."""
        try:
            indices = self._indices(entry)
        except RequestError:
            indices = range(0)
        rows = self._cells.read(indices.start, len(indices)) if indices else None

        def undo() -> None:
            if rows is not None:
                self._cells.write_rows(indices.start, rows)

        return undo

    def _indices(self, entry: p4r.CounterEntry) -> range:
        if not entry.HasField("index"):
            return range(self.layout.size)
        return one_index(entry.index.index, self.layout.size, f"counter {self.layout.name}")


class DirectCounters:
    """The cells of a table's direct counter: a cell is known by the entry's handle."""

    def __init__(self, cells: PerCpuCounters) -> None:
        self._cells = cells

    def clear(self, handles: Sequence[int]) -> None:
        """Set counters to zero."""
        self._cells.write(handles, (0, 0))

    def set(self, handle: int, data: p4r.CounterData, what: str) -> None:
        """Set an entry's counter."""
        self._cells.write((handle,), counter_words(data, what))

    def get(self, handle: int) -> p4r.CounterData:
        """Return one entry's counter."""
        packets, octets = self._cells.read(handle, 1)[0].tolist()
        return p4r.CounterData(packet_count=packets, byte_count=octets)

    def snapshot_of(self, handle: int) -> Callable[[], None]:
        """Return what puts one entry's counter back to what it is now."""
        words = self._cells.read(handle, 1)[0].tolist()
        return lambda: self._cells.write((handle,), words)

    def snapshot(self, end: int) -> list[list[int]]:
        """Return [packets, bytes] of the handles below `end`."""
        rows: list[list[int]] = []
        for start in range(0, end, READ_CHUNK):
            rows += self._cells.read(start, min(READ_CHUNK, end - start)).tolist()
        return rows


def counter_words(data: p4r.CounterData, what: str) -> tuple[int, int]:
    """Return (packets, bytes) as the kernel's words."""
    if data.packet_count < 0 or data.byte_count < 0:
        raise invalid(f"{what} may not be set to a negative count")
    return data.packet_count, data.byte_count


def one_index(index: int, size: int, what: str) -> range:
    """Return range(index, index + 1) after the checks that the specification asks of an index."""
    if index < 0:
        raise invalid(f"index {index} of {what} is negative")
    if index >= size:
        raise RequestError(Code.OUT_OF_RANGE, f"index {index} of {what} is not within 0..{size - 1}")
    return range(index, index + 1)
