"""What the switch says on its own: digest lists and idle timeouts.

They go to the primary of every role that has the digest or the table in its reach.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from finsy.proto import p4r

from rackplane.switch.digests import DigestList
from rackplane.switch.errors import invalid
from rackplane.switch.p4runtime.arbitration import Arbiter
from rackplane.switch.p4runtime.controller import Controller
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.tables import Table

log = logging.getLogger(__name__)

_RECORDS_PER_WAKEUP = 512
_LONGEST_SLEEP_NS = 3600 * 10**9
_ENTRIES_PER_MESSAGE = 1000
# Idle entries are looked for this often, or less when looking takes long: at most a twentieth of the time.
_SHORTEST_SCAN_NS, _LONGEST_SCAN_NS = 10**7, 10**8
_SCAN_SHARE = 20
_WARNING_INTERVAL_NS = 10 * 10**9


class Notifier:
    """Follows the program that the ports run. Everything happens in the event loop."""

    def __init__(self, arbiter: Arbiter[Controller]) -> None:
        self._arbiter = arbiter
        self._pipeline: Pipeline | None = None
        self._digest_fd: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._scanner: asyncio.TimerHandle | None = None
        self._idle: list[Table] = []
        self._next_warning = 0
        self._lost: dict[str, int] = {}

    def attach(self, pipeline: Pipeline) -> None:
        """Follow a program; needs a running event loop."""
        self._pipeline = pipeline
        self._digest_fd = pipeline.digests.open()
        pipeline.digests.on_change = self._schedule
        if self._digest_fd is not None:
            asyncio.get_running_loop().add_reader(self._digest_fd, self._digests_in)
        self._idle = [table for table in pipeline.tables.values() if table.direct.idle]
        if self._idle:
            self._scan()

    def detach(self) -> None:
        """Let go of the program."""
        if self._digest_fd is not None:
            asyncio.get_running_loop().remove_reader(self._digest_fd)
        for timer in (self._timer, self._scanner):
            if timer:
                timer.cancel()
        self._pipeline = self._digest_fd = self._timer = self._scanner = None
        self._idle, self._lost = [], {}

    def primaries_changed(self) -> None:
        """A new primary is told what the one before it was told."""
        if self._pipeline:
            self._pipeline.digests.forget()

    def acknowledge(self, ack: p4r.DigestListAck) -> None:
        """Take a DigestListAck; INVALID_ARGUMENT when there is no such digest."""
        if self._pipeline is None:
            raise invalid(f"there is no digest {ack.digest_id}: no forwarding pipeline config is set")
        self._pipeline.digests.acknowledge(ack)

    def _digests_in(self) -> None:
        if self._pipeline:
            now = time.monotonic_ns()
            self._send(self._pipeline.digests.receive(_RECORDS_PER_WAKEUP, now))
            self._schedule()
            if now >= self._next_warning:
                self._next_warning = now + _WARNING_INTERVAL_NS
                self._warn_of_losses(self._pipeline)

    def _warn_of_losses(self, pipeline: Pipeline) -> None:
        lost = pipeline.digests.lost()
        for name, count in lost.items():
            if count > self._lost.get(name, 0):
                log.warning("digest %s: %d messages have found no room in the ring so far", name, count)
        self._lost = lost

    def _tick(self) -> None:
        self._timer = None
        if self._pipeline:
            self._send(self._pipeline.digests.tick(time.monotonic_ns()))
            self._schedule()

    def _schedule(self) -> None:
        deadline = self._pipeline.digests.deadline() if self._pipeline else None
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            wait = min(max(deadline - time.monotonic_ns(), 0), _LONGEST_SLEEP_NS)
            self._timer = asyncio.get_running_loop().call_later(wait / 1e9, self._tick)

    def _scan(self) -> None:
        """Report the entries that are idle, and come again, whatever happens."""
        start = time.monotonic_ns()
        due = start + _LONGEST_SCAN_NS
        try:
            due = min(due, *self._report_all_idle(start))
        finally:
            now = time.monotonic_ns()
            wait = max(min(max(due - now, _SHORTEST_SCAN_NS), _LONGEST_SCAN_NS), _SCAN_SHARE * (now - start))
            self._scanner = asyncio.get_running_loop().call_later(wait / 1e9, self._scan)

    def _report_all_idle(self, now: int) -> list[int]:
        """Report what is idle in each table; return when the next entries will be."""
        deadlines = []
        for table in self._idle:
            if table.direct.idle:
                self._report_idle(table, table.direct.idle.expired(now))
                deadline = table.direct.idle.deadline()
                deadlines.append(now + _LONGEST_SCAN_NS if deadline is None else deadline)
        return deadlines

    def _report_idle(self, table: Table, identities: list[bytes]) -> None:
        listeners = [c for c, access in self._arbiter.primaries() if access.reaches(table.layout.id)]
        for at in range(0, len(identities) if listeners else 0, _ENTRIES_PER_MESSAGE):
            message = p4r.StreamMessageResponse()
            message.idle_timeout_notification.timestamp = time.time_ns()
            for identity in identities[at : at + _ENTRIES_PER_MESSAGE]:
                entry = table.entries[identity].message()
                entry.ClearField("action")
                message.idle_timeout_notification.table_entry.append(entry)
            for controller in listeners:
                controller.offer(message)

    def _send(self, lists: Iterable[DigestList]) -> None:
        for each in lists:
            message = p4r.StreamMessageResponse()
            digest = message.digest
            digest.digest_id, digest.list_id, digest.timestamp = each.digest_id, each.list_id, time.time_ns()
            digest.data.extend(each.data)
            listeners = [c for c, access in self._arbiter.primaries() if access.reaches(each.digest_id)]
            heard = [controller.offer(message) for controller in listeners]
            if self._pipeline and not any(heard):
                self._pipeline.digests.undelivered(each)
