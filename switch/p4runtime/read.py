"""Read: entities that match a request, as a stream of bounded messages.

Entries of tables are kept serialized, so that a read only has to frame them: a p4r.ReadResponse is the
concatenation of its entities, each with the tag of field 1 and its length (protobuf wire format).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from finsy.proto import p4r

from rackplane.switch.entries import Entry
from rackplane.switch.errors import Code, RequestError, SwitchError, invalid, not_found
from rackplane.switch.p4runtime.roles import FULL, Access
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.p4runtime.wire import varint
from rackplane.switch.pipeline import Pipeline
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
            "action_profile_member": _nothing,
            "action_profile_group": _nothing,
            "meter_entry": _nothing,
            "direct_meter_entry": _nothing,
            "value_set_entry": _nothing,
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
        counters = wanted.HasField("counter_data")
        if wanted.table_id:
            return _wires(self._table(wanted.table_id), wanted, counters)
        if wanted.match or wanted.priority or wanted.HasField("action") or wanted.metadata:
            raise invalid("without a table_id no other filter can be used")
        answers = [_wires(table, wanted, counters) for table in self._pipeline.tables.values()]
        return (wire for answer in answers for wire in answer)

    def _direct_counters(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted = entity.direct_counter_entry.table_entry
        if not wanted.table_id:
            tables = [t for t in self._pipeline.tables.values() if t.counters]
            answers = [_counter_wires(t, list(t.entries.values())) for t in tables]
            return (wire for answer in answers for wire in answer)
        table = self._table(wanted.table_id)
        if table.counters is None:
            raise invalid(f"table {table.name} has no direct counter")
        whole = wanted.match or wanted.is_default_action
        return _counter_wires(table, [table.find(wanted)] if whole else list(table.select(wanted)))

    def _counters(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted, known = entity.counter_entry, self._pipeline.counters
        if wanted.counter_id and wanted.counter_id not in known:
            raise not_found(f"there is no counter with id {wanted.counter_id}")
        chosen = [known[wanted.counter_id]] if wanted.counter_id else list(known.values())
        return _serialized([counter.read(wanted) for counter in chosen])

    def _registers(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted, known = entity.register_entry, self._pipeline.registers
        if wanted.register_id and wanted.register_id not in known:
            raise not_found(f"there is no register with id {wanted.register_id}")
        chosen = [known[wanted.register_id]] if wanted.register_id else list(known.values())
        return _serialized([register.read(wanted) for register in chosen])

    def _replication(self, entity: p4r.Entity) -> Iterable[bytes]:
        wanted = entity.packet_replication_engine_entry
        if wanted.WhichOneof("type") == "clone_session_entry":
            return ()
        return [group.wire for group in self._pipeline.groups.select(wanted.multicast_group_entry)]

    def _table(self, table_id: int) -> Table:
        table = self._pipeline.tables.get(table_id)
        if table is None:
            raise not_found(f"there is no table with id {table_id}")
        return table


def _nothing(entity: p4r.Entity) -> Iterable[bytes]:
    """A program on this target has none of these."""
    return ()


def _wires(table: Table, wanted: p4r.TableEntry, counters: bool) -> Iterable[bytes]:
    chosen = list(table.select(wanted))
    if not counters or table.counters is None:
        return [entry.wire for entry in chosen]
    return _with_counters(table, chosen)


def _with_counters(table: Table, entries: list[Entry]) -> Iterator[bytes]:
    for entry, data in _counted(table, entries):
        entity = p4r.Entity.FromString(entry.wire)
        entity.table_entry.counter_data.CopyFrom(data)
        yield entity.SerializeToString()


def _counter_wires(table: Table, entries: list[Entry]) -> Iterator[bytes]:
    for entry, data in _counted(table, entries):
        message = entry.message()
        entity = p4r.Entity()
        key = entity.direct_counter_entry.table_entry
        key.table_id, key.priority, key.is_default_action = (
            message.table_id,
            message.priority,
            message.is_default_action,
        )
        key.match.extend(message.match)
        entity.direct_counter_entry.data.CopyFrom(data)
        yield entity.SerializeToString()


def _counted(table: Table, entries: list[Entry]) -> Iterator[tuple[Entry, p4r.CounterData]]:
    if table.counters is None or table.handles is None:
        return
    if len(entries) == 1:
        yield entries[0], table.counters.get(entries[0].handle)
        return
    cells = table.counters.snapshot(table.handles.end)
    for entry in entries:
        packets, octets = cells[entry.handle]
        yield entry, p4r.CounterData(packet_count=packets, byte_count=octets)


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
