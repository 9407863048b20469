"""Read: entities that match a request, as a stream of bounded messages.

Entries of tables are kept serialized, so that a read only has to frame them: a p4r.ReadResponse is the
concatenation of its entities, each with the tag of field 1 and its length (protobuf wire format).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from rackplane.switch.counters import DirectCounters
from rackplane.switch.entries import Entry
from rackplane.switch.errors import Code, RequestError, SwitchError, invalid, not_found
from rackplane.switch.idle import IdleTimers
from rackplane.switch.meters import MeterCells
from rackplane.switch.p4runtime.roles import FULL, Access
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.p4runtime.wire import varint
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.profiles import ActionProfile
from rackplane.switch.tables import Table

CHUNK_BYTES = 256 << 10
MAX_REQUESTS = 1 << 14

_ENTITIES_TAG = b"\x0a"


def read(pipeline: Pipeline, request: p4r.ReadRequest, access: Access = FULL) -> Iterator[bytes]:
    """Yield serialized ReadResponse messages; raise BatchError at the end when a request of the batch failed.

    `access` restricts the answer to what a role has in its reach. What is read from tables and groups is fixed
    before the first message; counters and registers change anyway.
    """
    if len(request.entities) > MAX_REQUESTS:
        raise RequestError(
            Code.RESOURCE_EXHAUSTED, f"the batch has {len(request.entities)} requests, the limit is {MAX_REQUESTS}"
        )
    errors: dict[int, RequestError] = {}
    answers: list[tuple[int, Iterable[bytes]]] = []
    selector = _Selector(pipeline)
    for index, entity in enumerate(request.entities):
        try:
            found = selector.select(entity)
            answers.append((index, found if access.ids is None else _visible(found, access)))
        except RequestError as e:
            errors[index] = RequestError(e.code, f"request #{index}: {e}")
    yield from _chunks(answers, errors)
    if errors:
        raise BatchError("requests", errors, len(request.entities))


def _visible(entities: Iterable[bytes], access: Access) -> Iterator[bytes]:
    return (wire for wire in entities if access.sees(p4r.Entity.FromString(wire)))


def _chunks(answers: list[tuple[int, Iterable[bytes]]], errors: dict[int, RequestError]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for index, entities in answers:
        try:
            for entity in entities:
                parts += (_ENTITIES_TAG, varint(len(entity)), entity)
                size += len(entity)
                if size >= CHUNK_BYTES:
                    yield b"".join(parts)
                    parts, size = [], 0
        except SwitchError as e:
            errors[index] = RequestError(Code.INTERNAL, f"request #{index}: {e}")
    if parts:
        yield b"".join(parts)


class _Selector:
    """Turns one request of a batch into the serialized entities that answer it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._kinds: dict[str, Callable[[p4r.Entity], Iterable[bytes]]] = {
            "table_entry": self._table_entries,
            "counter_entry": self._counters,
            "direct_counter_entry": self._direct_counters,
            "register_entry": self._registers,
            "packet_replication_engine_entry": self._replication,
            "action_profile_member": self._members,
            "action_profile_group": self._groups,
            "meter_entry": self._meters,
            "direct_meter_entry": self._direct_meters,
            "value_set_entry": self._value_sets,
            "digest_entry": lambda entity: pipeline.digests.wires(entity.digest_entry.digest_id),
        }

    def select(self, entity: p4r.Entity) -> Iterable[bytes]:
        """Return the answer; RequestError when the request makes no sense."""
        kind = entity.WhichOneof("entity")
        if kind is None:
            raise invalid("the request has no entity")
        handler = self._kinds.get(kind)
        if handler is None:
            raise RequestError(Code.UNIMPLEMENTED, f"reading a {kind} is not supported")
        return handler(entity)

    def _table_entries(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted = entity.table_entry
        if wanted.table_id:
            return _wires(self._table(wanted.table_id), wanted)
        given = wanted.match or wanted.priority or wanted.metadata or wanted.controller_metadata
        if given or wanted.HasField("action"):
            raise invalid("without a table_id no other filter can be used")
        answers = [_wires(table, wanted) for table in self._pipeline.tables.values()]
        return (wire for answer in answers for wire in answer)

    def _direct_counters(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted = entity.direct_counter_entry.table_entry
        return self._of_entries(wanted, "direct counter", lambda t: t.direct.counters is not None, _counter_wires)

    def _direct_meters(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted = entity.direct_meter_entry
        marks = wanted.HasField("counter_data")
        return self._of_entries(
            wanted.table_entry,
            "direct meter",
            lambda table: table.direct.meters is not None,
            lambda table, entries: _meter_wires(table, entries, marks),
        )

    def _of_entries(
        self,
        wanted: p4r.TableEntry,
        what: str,
        has: Callable[[Table], bool],
        answer: Callable[[Table, list[Entry]], Iterable[bytes]],
    ) -> Iterable[bytes]:
        """Answer a read of a direct resource: of one entry, of those of a table, or of every table that has it."""
        if not wanted.table_id:
            answers = [answer(t, list(t.entries.values())) for t in self._pipeline.tables.values() if has(t)]
            return (wire for each in answers for wire in each)
        table = self._table(wanted.table_id)
        if not has(table):
            raise invalid(f"table {table.name} has no {what}")
        chosen = list(table.select(wanted))
        if wanted.match and not chosen:
            raise not_found("there is no entry with this match and priority")
        return answer(table, chosen)

    def _meters(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted, known = entity.meter_entry, self._pipeline.meters
        if wanted.meter_id and wanted.meter_id not in known:
            raise not_found(f"there is no meter with id {wanted.meter_id}")
        chosen = [known[wanted.meter_id]] if wanted.meter_id else list(known.values())
        return _serialized([meter.read(wanted) for meter in chosen])

    def _counters(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted, known = entity.counter_entry, self._pipeline.counters
        if wanted.counter_id and wanted.counter_id not in known:
            raise not_found(f"there is no counter with id {wanted.counter_id}")
        chosen = [known[wanted.counter_id]] if wanted.counter_id else list(known.values())
        return _serialized([counter.read(wanted) for counter in chosen])

    def _members(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted = entity.action_profile_member
        profiles = self._profiles(wanted.action_profile_id, wanted.member_id)
        return [wire for profile in profiles for wire in profile.select_members(wanted.member_id)]

    def _groups(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted = entity.action_profile_group
        profiles = self._profiles(wanted.action_profile_id, wanted.group_id)
        return [wire for profile in profiles for wire in profile.select_groups(wanted.group_id)]

    def _profiles(self, profile_id: int, number: int) -> list[ActionProfile]:
        known = self._pipeline.profiles
        if profile_id and profile_id not in known:
            raise not_found(f"there is no action profile with id {profile_id}")
        if number and not profile_id:
            raise invalid("without an action_profile_id no member or group can be named")
        return [known[profile_id]] if profile_id else list(known.values())

    def _value_sets(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted, known = entity.value_set_entry.value_set_id, self._pipeline.value_sets
        if wanted and wanted not in known:
            raise not_found(f"there is no value set with id {wanted}")
        return [known[wanted].wire] if wanted else [each.wire for each in known.values()]

    def _registers(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted, known = entity.register_entry, self._pipeline.registers
        if wanted.register_id and wanted.register_id not in known:
            raise not_found(f"there is no register with id {wanted.register_id}")
        chosen = [known[wanted.register_id]] if wanted.register_id else list(known.values())
        return _serialized([register.read(wanted) for register in chosen])

    def _replication(self, entity: p4r.Entity) -> Iterable[bytes]:
        kind = entity.packet_replication_engine_entry.WhichOneof("type")
        if kind is None:
            both = (*self._pipeline.groups.groups.values(), *self._pipeline.sessions.groups.values())
            return [group.wire for group in both]
        entries = self._pipeline.replication_entries(kind)
        return [group.wire for group in entries.select(entity)] if entries is not None else ()

    def _table(self, table_id: int) -> Table:
        table = self._pipeline.tables.get(table_id)
        if table is None:
            raise not_found(f"there is no table with id {table_id}")
        return table


@dataclass(frozen=True)
class _Extras:
    """What a read wants of each entry beside what was written: each is None when it is not wanted or not there."""

    counters: DirectCounters | None
    meters: MeterCells | None
    marks: MeterCells | None
    idle: IdleTimers | None

    def any(self) -> bool:
        """Whether anything is wanted."""
        return any(x is not None for x in (self.counters, self.meters, self.marks, self.idle))


def _wires(table: Table, wanted: p4r.TableEntry) -> Iterable[bytes]:
    if wanted.table_id and wanted.HasField("time_since_last_hit") and not table.layout.hits:
        raise invalid(f"time_since_last_hit is set, but table {table.name} does not support idle timeouts")
    chosen = list(table.select(wanted))
    extras = _Extras(
        table.direct.counters if wanted.HasField("counter_data") else None,
        table.direct.meters if wanted.HasField("meter_config") else None,
        table.direct.meters if wanted.HasField("meter_counter_data") else None,
        table.direct.idle if wanted.HasField("time_since_last_hit") and not wanted.is_default_action else None,
    )
    return _with_extras(table, chosen, extras) if extras.any() else [entry.wire for entry in chosen]


def _with_extras(table: Table, entries: list[Entry], extras: _Extras) -> Iterator[bytes]:
    counts = _counts(table, entries) if extras.counters else ()
    now = time.monotonic_ns()
    for number, entry in enumerate(entries):
        entity = p4r.Entity.FromString(entry.wire)
        message = entity.table_entry
        if counts:
            message.counter_data.CopyFrom(counts[number])
        config = extras.meters.config(entry.handle) if extras.meters else None
        if config is not None:
            message.meter_config.CopyFrom(config)
        if extras.marks is not None:
            message.meter_counter_data.CopyFrom(next(extras.marks.marks(entry.handle, 1)))
        if extras.idle is not None:
            message.time_since_last_hit.elapsed_ns = extras.idle.elapsed(entry.handle, now)
        yield entity.SerializeToString()


def _counter_wires(table: Table, entries: list[Entry]) -> Iterator[bytes]:
    for entry, data in zip(entries, _counts(table, entries), strict=True):
        entity = p4r.Entity()
        _name_entry(entity.direct_counter_entry.table_entry, entry)
        entity.direct_counter_entry.data.CopyFrom(data)
        yield entity.SerializeToString()


def _meter_wires(table: Table, entries: list[Entry], marks: bool) -> Iterator[bytes]:
    meters = table.direct.meters
    if meters is None:
        return
    for entry in entries:
        entity = p4r.Entity()
        _name_entry(entity.direct_meter_entry.table_entry, entry)
        config = meters.config(entry.handle)
        if config is not None:
            entity.direct_meter_entry.config.CopyFrom(config)
        if marks:
            entity.direct_meter_entry.counter_data.CopyFrom(next(meters.marks(entry.handle, 1)))
        yield entity.SerializeToString()


def _name_entry(key: p4r.TableEntry, entry: Entry) -> None:
    """Fill what tells an entry from others."""
    message = entry.message()
    key.table_id, key.priority, key.is_default_action = (
        message.table_id,
        message.priority,
        message.is_default_action,
    )
    key.match.extend(message.match)


def _counts(table: Table, entries: list[Entry]) -> Sequence[p4r.CounterData]:
    """Return the direct counters of entries."""
    direct = table.direct
    if direct.counters is None or direct.handles is None:
        return [p4r.CounterData()] * len(entries)
    if len(entries) == 1:
        return [direct.counters.get(entries[0].handle)]
    cells = direct.counters.snapshot(direct.handles.end)
    return [p4r.CounterData(packet_count=cells[e.handle][0], byte_count=cells[e.handle][1]) for e in entries]


def _serialized(answers: list[Iterator[p4r.Entity]]) -> Iterator[bytes]:
    """Start each answer, so that a bad index is refused now, and serialize the rest on demand."""
    firsts = [(next(answer, None), answer) for answer in answers]
    return _rest(firsts)


def _rest(firsts: list[tuple[p4r.Entity | None, Iterator[p4r.Entity]]]) -> Iterator[bytes]:
    for first, others in firsts:
        if first is not None:
            yield first.SerializeToString()
        for entity in others:
            yield entity.SerializeToString()
