"""What belongs to each entry of a table beside its action: direct counter, direct meter, idle timeout."""

from __future__ import annotations

import time
from collections.abc import Callable

from finsy.proto import p4r

from rackplane.switch.counters import DirectCounters, counter_words
from rackplane.switch.errors import Code, RequestError, invalid
from rackplane.switch.handles import DEFAULT_HANDLE, Handles
from rackplane.switch.idle import IdleTimers
from rackplane.switch.meters import MeterCells


class DirectResources:
    """The direct resources of a table; `handles` is None when it has none."""

    def __init__(
        self, size: int, counters: DirectCounters | None, meters: MeterCells | None, idle: IdleTimers | None = None
    ) -> None:
        self.counters = counters
        self.meters = meters
        self.idle = idle
        cells = [c for c in (counters, meters) if c is not None]
        self.handles = Handles(size, cells) if cells or idle else None
        self._saved: dict[int, Callable[[], None]] = {}

    @property
    def follows_modify(self) -> bool:
        """Whether a MODIFY that says nothing of resources changes them all the same: meters, idle timeouts."""
        return self.meters is not None or self.idle is not None

    def take(self) -> int:
        """Return a handle for a new entry."""
        handle = self.handles.take() if self.handles else DEFAULT_HANDLE
        if self.idle:
            self.idle.begin(handle, time.monotonic_ns())
        return handle

    def watch(self, handle: int, identity: bytes, message: p4r.TableEntry) -> None:
        """Follow an entry's idle timeout from now on."""
        if self.idle:
            self.idle.watch(handle, message.idle_timeout_ns, identity, time.monotonic_ns())

    def forget(self, handle: int) -> None:
        """Follow the idle timeout of an entry no longer."""
        if self.idle:
            self.idle.forget(handle)

    def give_back(self, handle: int) -> None:
        """Take the handle of an entry that is gone."""
        if self.handles:
            self.handles.give_back(handle)

    def clean(self) -> None:
        """Clear what earlier entries have left in the cells of new ones."""
        if self.handles:
            self.handles.clean()

    def write(self, handle: int, message: p4r.TableEntry, modify: bool = False) -> None:
        """Set what an INSERT or MODIFY of an entry says of its resources, and take that out of the message.

        A MODIFY without a meter_config sets the meter back to its default.
        """
        counts = message.counter_data if message.HasField("counter_data") else None
        config = message.meter_config if message.HasField("meter_config") else None
        marks = message.meter_counter_data if message.HasField("meter_counter_data") else None
        if counts is not None:
            self._check_counter(counts)
        if config is not None or marks is not None:
            self._meters_for(handle).check(config, marks)
        if counts is not None:
            self.set_counter(handle, counts)
        if config is not None or (modify and self.meters is not None and self.meters.config(handle) is not None):
            self.set_meter(handle, config, marks)
        elif marks is not None:
            self.reset_marks(handle)
        message.ClearField("counter_data")
        message.ClearField("meter_config")
        message.ClearField("meter_counter_data")

    def set_counter(self, handle: int, data: p4r.CounterData) -> None:
        """Set an entry's counter."""
        counters = self._check_counter(data)
        self._save(handle)
        counters.set(handle, data, "the entry's counter")

    def set_meter(
        self, handle: int, config: p4r.MeterConfig | None, marks: p4r.MeterCounterData | None = None
    ) -> None:
        """Configure an entry's meter, or with None set it back to its default; clear its marks when given."""
        meters = self._meters_for(handle)
        meters.check(config, marks)
        self._save(handle)
        meters.configure((handle,), config)
        if marks is not None:
            meters.reset_marks((handle,))

    def reset_marks(self, handle: int) -> None:
        """Set what an entry's meter has marked to zero."""
        meters = self._meters_for(handle)
        self._save(handle)
        meters.reset_marks((handle,))

    def commit(self) -> None:
        """End a batch: its changes stay."""
        self._saved.clear()

    def rollback(self) -> None:
        """End a batch: its changes are undone."""
        for restore in self._saved.values():
            restore()
        self._saved.clear()

    def _save(self, handle: int) -> None:
        """Remember what an entry's resources were before the first change of a batch."""
        self.clean()
        if handle in self._saved:
            return
        parts = [self.counters.snapshot_of(handle)] if self.counters else []
        parts += [self.meters.snapshot((handle,))] if self.meters else []

        def restore() -> None:
            for part in parts:
                part()

        self._saved[handle] = restore

    def _check_counter(self, data: p4r.CounterData) -> DirectCounters:
        if self.counters is None:
            raise invalid("a counter is set, but the table has no direct counter")
        counter_words(data, "the entry's counter")
        return self.counters

    def _meters_for(self, handle: int) -> MeterCells:
        if self.meters is None:
            raise invalid("a meter is set, but the table has no direct meter")
        if handle == DEFAULT_HANDLE:
            raise RequestError(
                Code.UNIMPLEMENTED, "a meter is set for the default entry, but only hits execute direct meters"
            )
        return self.meters
