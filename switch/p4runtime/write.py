"""Write: updates of entities, with one answer for each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence

from finsy.proto import p4r
from google.protobuf.message import DecodeError

from rackplane.switch.errors import BpfError, Code, RequestError, SwitchError, invalid, not_found
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.p4runtime.templates import Templates
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.tables import Table

MAX_UPDATES = 1 << 17

_TYPES = {p4r.Update.INSERT: "INSERT", p4r.Update.MODIFY: "MODIFY", p4r.Update.DELETE: "DELETE"}
_ATOMICITY = p4r.WriteRequest


class Writer:
    """Applies batches to one program, and learns from them."""

    def __init__(self, pipeline: Pipeline, templates: Templates | None = None) -> None:
        self._pipeline = pipeline
        self._templates = templates or Templates()

    def write(self, atomicity: int, updates: Sequence[bytes]) -> None:
        """Apply serialized updates; raise BatchError when any failed, RequestError when none was tried."""
        if len(updates) > MAX_UPDATES:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED, f"the batch has {len(updates)} updates, the limit is {MAX_UPDATES}"
            )
        all_or_none = atomicity != _ATOMICITY.CONTINUE_ON_ERROR
        if all_or_none:
            _check_atomicity(atomicity, updates)
        batch = _Batch(self._pipeline, self._templates, updates)
        batch.apply()
        batch.flush()
        if batch.errors and all_or_none:
            batch.rollback()
        batch.commit()
        if batch.errors:
            raise BatchError("updates", batch.errors, len(updates))


def _check_atomicity(atomicity: int, updates: Sequence[bytes]) -> None:
    if atomicity == _ATOMICITY.DATAPLANE_ATOMIC and len(updates) > 1:
        raise RequestError(
            Code.UNIMPLEMENTED, "DATAPLANE_ATOMIC is supported for one update: use ROLLBACK_ON_ERROR for more"
        )
    for i, data in enumerate(updates):
        kind = _parse(data).entity.WhichOneof("entity")
        if kind not in ("table_entry", None):
            raise RequestError(
                Code.UNIMPLEMENTED, f"update #{i}: batches that are undone on an error may not hold a {kind}"
            )


def _parse(data: bytes) -> p4r.Update:
    update = p4r.Update()
    try:
        update.ParseFromString(data)
    except DecodeError as e:
        raise invalid("the update is not an Update message") from e
    return update


class _Batch:
    """One WriteRequest in progress; `errors` by the index of the update."""

    def __init__(self, pipeline: Pipeline, templates: Templates, updates: Sequence[bytes]) -> None:
        self.errors: dict[int, RequestError] = {}
        self._pipeline = pipeline
        self._templates = templates
        self._updates = updates
        self._touched: set[Table] = set()
        self._others: dict[str, Callable[[p4r.Update], None]] = {
            "counter_entry": self._counter,
            "direct_counter_entry": self._direct_counter,
            "register_entry": self._register,
            "packet_replication_engine_entry": self._replication,
        }

    def apply(self) -> None:
        """Try every update."""
        by_template, touch = self._templates.apply, self._touched.add
        for index, data in enumerate(self._updates):
            try:
                table = by_template(data)
                if table is None:
                    self._one(data)
                else:
                    touch(table)
            except RequestError as e:
                self.errors[index] = self._located(index, e)
            except SwitchError as e:
                failed = RequestError(Code.INTERNAL, f"the kernel refused the change: {e}")
                self.errors[index] = self._located(index, failed)

    def flush(self) -> None:
        """Send what the tables have queued; when the kernel refuses, all changes of that table are undone."""
        for table in self._touched:
            try:
                table.flush()
            except BpfError as e:
                table.rollback()
                failed = RequestError(Code.INTERNAL, f"the kernel refused the batch: {e}")
                for index, data in enumerate(self._updates):
                    if index not in self.errors and _parse(data).entity.table_entry.table_id == table.layout.id:
                        self.errors[index] = self._located(index, failed)

    def rollback(self) -> None:
        """Undo everything; updates that had succeeded are answered with ABORTED."""
        for table in self._touched:
            table.rollback()
        undone = RequestError(Code.ABORTED, "undone because another update of the batch failed")
        for index in range(len(self._updates)):
            if index not in self.errors:
                self.errors[index] = self._located(index, undone)

    def commit(self) -> None:
        """Let the changes stay."""
        for table in self._touched:
            table.commit()

    def _one(self, data: bytes) -> None:
        update = _parse(data)
        entity = update.entity
        table = self._pipeline.tables.get(entity.table_entry.table_id)
        if table is None:
            self._other(update)
            return
        self._touched.add(table)
        if update.type == p4r.Update.INSERT:
            table.insert(entity)
        elif update.type == p4r.Update.MODIFY:
            table.modify(entity)
        elif update.type == p4r.Update.DELETE:
            table.delete(entity)
        else:
            raise invalid("the update has no type; it must be INSERT, MODIFY or DELETE")
        self._templates.learn(data, table)

    def _other(self, update: p4r.Update) -> None:
        kind = update.entity.WhichOneof("entity")
        if kind is None:
            raise invalid("the update has no entity")
        if kind == "table_entry":
            raise _no_such("table", update.entity.table_entry.table_id, self._pipeline.tables)
        if update.type not in _TYPES:
            raise invalid("the update has no type; it must be INSERT, MODIFY or DELETE")
        handler = self._others.get(kind)
        if handler is None:
            raise RequestError(Code.UNIMPLEMENTED, f"writing a {kind} is not supported")
        handler(update)

    def _counter(self, update: p4r.Update) -> None:
        entry = update.entity.counter_entry
        counter = self._pipeline.counters.get(entry.counter_id)
        if counter is None:
            raise _no_such("counter", entry.counter_id, self._pipeline.counters)
        _only_modify(update, "a counter")
        counter.write(entry)

    def _direct_counter(self, update: p4r.Update) -> None:
        entry = update.entity.direct_counter_entry
        table = self._pipeline.tables.get(entry.table_entry.table_id)
        if table is None:
            raise _no_such("table", entry.table_entry.table_id, self._pipeline.tables)
        _only_modify(update, "a direct counter")
        table.set_counter(entry)

    def _register(self, update: p4r.Update) -> None:
        entry = update.entity.register_entry
        register = self._pipeline.registers.get(entry.register_id)
        if register is None:
            raise _no_such("register", entry.register_id, self._pipeline.registers)
        _only_modify(update, "a register")
        register.write(entry)

    def _replication(self, update: p4r.Update) -> None:
        kind = update.entity.packet_replication_engine_entry.WhichOneof("type")
        if kind != "multicast_group_entry":
            raise RequestError(
                Code.UNIMPLEMENTED, f"writing a {kind or 'replication entry of no type'} is not supported"
            )
        groups = self._pipeline.groups
        change = {
            p4r.Update.INSERT: groups.insert,
            p4r.Update.MODIFY: groups.modify,
            p4r.Update.DELETE: groups.delete,
        }
        change[update.type](update.entity)

    def _located(self, index: int, error: RequestError) -> RequestError:
        """Add to a message which update it is about, and of what."""
        update = p4r.Update()
        with contextlib.suppress(DecodeError):
            update.ParseFromString(self._updates[index])
        entry = update.entity.table_entry if update.entity.HasField("table_entry") else None
        if entry is None:
            entry = update.entity.direct_counter_entry.table_entry
        table = self._pipeline.tables.get(entry.table_id)
        where = f" of table {table.name}" if table else ""
        operation = _TYPES.get(update.type, "no operation")
        return RequestError(error.code, f"update #{index} ({operation}){where}: {error}")


def _only_modify(update: p4r.Update, what: str) -> None:
    if update.type != p4r.Update.MODIFY:
        raise invalid(f"{what} can only be modified; {_TYPES[update.type]} is refused")


def _no_such(what: str, given: int, known: Collection[int]) -> RequestError:
    if not given:
        return invalid(f"the {what} id is missing")
    return not_found(f"there is no {what} with id {given}; known are {', '.join(map(str, known)) or 'none'}")
