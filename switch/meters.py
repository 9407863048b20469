"""Meters: indexed ones by P4Runtime id, and the direct ones that belong to a table's entries.

The kernel's side is compiler/backend/runtime/meters.h. Configurations are kept here as they were written, so that a
read returns them exactly; a meter that has none marks every packet green.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from finsy.proto import p4r

from rackplane.compiler.manifest import MeterLayout
from rackplane.switch.counters import READ_CHUNK, one_index
from rackplane.switch.errors import Code, RequestError, invalid
from rackplane.switch.maps import BpfMap

TOKEN = 10**9
MAX_RATE = (1 << 63) - 1
MAX_BURST = (1 << 32) - 1
METER_SIZE = 80
MARKS_SIZE = 48
UNSET = bytes(METER_SIZE)
_NEVER = (1 << 64) - 1
_METER = struct.Struct("<IIQ4Q4Q")
_UNCONFIGURED = (-1, -1, -1, -1)


class MeterCells:
    """The meters of one array by index; the index of a direct meter is its entry's handle."""

    def __init__(self, layout: MeterLayout, meters: BpfMap, marks: BpfMap) -> None:
        self.name = layout.name
        self._meters = meters
        self._marks = marks
        self.configs: dict[int, p4r.MeterConfig] = {}

    def check(self, config: p4r.MeterConfig | None, marks: p4r.MeterCounterData | None) -> None:
        """Refuse what meters cannot be set to: a configuration, and marks that are not zero."""
        if config is not None and not _is_default(config):
            _check(config, self.name)
        for color in ("green", "yellow", "red") if marks is not None else ():
            counts: p4r.CounterData = getattr(marks, color)
            if counts.packet_count or counts.byte_count:
                raise invalid(f"the {color} counter of {self.name} can only be set to zero")

    def configure(self, indices: Sequence[int], config: p4r.MeterConfig | None) -> None:
        """Give meters a checked configuration and full buckets, or with None the default (green)."""
        value = UNSET
        if config is not None and not _is_default(config):
            kept = p4r.MeterConfig()
            kept.CopyFrom(config)
            value = _METER.pack(0, 1, 0, *_bucket(config.cir, config.cburst), *_bucket(config.pir, config.pburst))
            self.configs |= dict.fromkeys(indices, kept)
        else:
            for index in indices:
                self.configs.pop(index, None)
        self._meters.put_many(_keys(indices), [value] * len(indices), locked=True)

    def config(self, index: int) -> p4r.MeterConfig | None:
        """Return a meter's configuration; None when it is the default."""
        return self.configs.get(index)

    def marks(self, start: int, count: int) -> Iterator[p4r.MeterCounterData]:
        """Yield what meters start ... start + count - 1 have marked, by colour."""
        rows = np.frombuffer(self._marks.get_range(start, count), dtype="<u8").reshape(-1, 3, 2)
        for row in rows.tolist():
            green, yellow, red = (p4r.CounterData(packet_count=p, byte_count=b) for p, b in row)
            yield p4r.MeterCounterData(green=green, yellow=yellow, red=red)

    def reset_marks(self, indices: Sequence[int]) -> None:
        """Set what meters have marked to zero."""
        self._marks.put_many(_keys(indices), [bytes(MARKS_SIZE)] * len(indices))

    def clear(self, handles: Sequence[int]) -> None:
        """Let meters begin anew, for entries that took over the handle of earlier ones."""
        self.configure(handles, None)
        self.reset_marks(handles)

    def snapshot(self, indices: Sequence[int]) -> Callable[[], None]:
        """Return what puts the configuration, the buckets and the marks of meters back to what they are now."""
        configs = {index: self.configs.get(index) for index in indices}
        keys = _keys(indices)
        meters = [self._meters.get(key, locked=True) or UNSET for key in keys]
        marks = [self._marks.get(key) or bytes(MARKS_SIZE) for key in keys]

        def undo() -> None:
            for index, config in configs.items():
                if config is None:
                    self.configs.pop(index, None)
                else:
                    self.configs[index] = config
            self._meters.put_many(keys, meters, locked=True)
            self._marks.put_many(keys, marks)

        return undo


class IndexedMeter:
    """meter(size, type)."""

    def __init__(self, layout: MeterLayout, cells: MeterCells) -> None:
        self.layout = layout
        self.cells = cells

    def write(self, entry: p4r.MeterEntry) -> None:
        """Configure one meter, or every meter when no index is given."""
        indices = self._indices(entry)
        config = entry.config if entry.HasField("config") else None
        marks = entry.counter_data if entry.HasField("counter_data") else None
        self.cells.check(config, marks)
        for start in range(indices.start, indices.stop, READ_CHUNK):
            self.cells.configure(range(start, min(start + READ_CHUNK, indices.stop)), config)
        if marks is not None:
            self.cells.reset_marks(indices)

    def read(self, entry: p4r.MeterEntry) -> Iterator[p4r.Entity]:
        """Yield one meter, or every meter when no index is given."""
        indices = self._indices(entry)
        for start in range(indices.start, indices.stop, READ_CHUNK):
            count = min(READ_CHUNK, indices.stop - start)
            marks = list(self.cells.marks(start, count)) if entry.HasField("counter_data") else []
            for offset in range(count):
                answer = p4r.Entity()
                answer.meter_entry.meter_id = self.layout.id
                answer.meter_entry.index.index = start + offset
                config = self.cells.config(start + offset)
                if config is not None:
                    answer.meter_entry.config.CopyFrom(config)
                if marks:
                    answer.meter_entry.counter_data.CopyFrom(marks[offset])
                yield answer

    def snapshot(self, entry: p4r.MeterEntry) -> Callable[[], None]:
        """Return what puts the meters that an entry names back to what they are now."""
        try:
            return self.cells.snapshot(self._indices(entry))
        except RequestError:
            return lambda: None

    def _indices(self, entry: p4r.MeterEntry) -> range:
        if not entry.HasField("index"):
            return range(self.layout.size)
        return one_index(entry.index.index, self.layout.size, f"meter {self.layout.name}")


def _is_default(config: p4r.MeterConfig) -> bool:
    """Whether every number is -1, an older way to say what leaving the configuration out says."""
    return (config.cir, config.cburst, config.pir, config.pburst) == _UNCONFIGURED


def _bucket(rate: int, burst: int) -> tuple[int, int, int, int]:
    """Return rate, fill_ns, burst and tokens of a full bucket, in the kernel's billionths of a token."""
    fill_ns = -(-burst * TOKEN // rate) if rate else _NEVER
    return rate, fill_ns, burst * TOKEN, burst * TOKEN


def _check(config: p4r.MeterConfig, name: str) -> None:
    for label, value in (
        ("CIR", config.cir),
        ("PIR", config.pir),
        ("CBurst", config.cburst),
        ("PBurst", config.pburst),
    ):
        if value < 0:
            raise invalid(f"the {label} of meter {name} is {value}; it may not be negative")
    for label, value in (("CBurst", config.cburst), ("PBurst", config.pburst)):
        if value > MAX_BURST:
            raise RequestError(
                Code.UNIMPLEMENTED, f"the {label} of meter {name} is {value}; this target takes up to {MAX_BURST}"
            )
    if config.pir < config.cir:
        raise invalid(f"meter {name}: the PIR {config.pir} is below the CIR {config.cir}")
    if config.eburst:
        raise invalid(
            f"meter {name} has two rates: EBurst is {config.eburst}, but belongs to meters of a single rate"
        )


def _keys(indices: Sequence[int]) -> list[bytes]:
    return [index.to_bytes(4, "little") for index in indices]
