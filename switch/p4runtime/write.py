"""Write: updates of entities, with one answer for each.

Changes of tables are queued and sent together; other entities change at once. An update of another entity sends
what the tables have queued before it, so that the kernel sees the updates in their order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from finsy.proto import p4r
from google.protobuf.message import DecodeError

from rackplane.switch.errors import BpfError, Code, RequestError, SwitchError, invalid
from rackplane.switch.p4runtime.entities import UPDATE_TYPES, Entities, Undo, no_type
from rackplane.switch.p4runtime.plain import InsertRuns, PlainDecoder, PlainUpdates
from rackplane.switch.p4runtime.roles import FULL, Access
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.tables import Table

MAX_UPDATES = 1 << 17

_ATOMICITY = p4r.WriteRequest


class Writer:
    """Applies batches to one program."""

    def __init__(self, pipeline: Pipeline, plain: PlainDecoder | None = None) -> None:
        self._pipeline = pipeline
        self._entities = Entities(pipeline)
        unguarded = (t for number, t in pipeline.tables.items() if not pipeline.guards.concern(number))
        self._plain = plain or PlainDecoder(unguarded)

    def write(self, atomicity: int, updates: Sequence[bytes], access: Access = FULL) -> None:
        """Apply serialized updates; raise BatchError when any failed, RequestError when none was tried."""
        if len(updates) > MAX_UPDATES:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED, f"the batch has {len(updates)} updates, the limit is {MAX_UPDATES}"
            )
        _check_atomicity(atomicity, len(updates))
        all_or_none = atomicity != _ATOMICITY.CONTINUE_ON_ERROR
        batch = _Batch(self._pipeline, self._entities, self._plain, updates, all_or_none)
        batch.access = access
        batch.apply()
        batch.flush()
        if batch.errors and all_or_none:
            batch.rollback()
        batch.commit()
        if batch.errors:
            raise BatchError("updates", batch.errors, len(updates))


def _check_atomicity(atomicity: int, count: int) -> None:
    if atomicity not in _ATOMICITY.Atomicity.values():
        raise invalid(
            f"atomicity {atomicity} does not exist: it is CONTINUE_ON_ERROR (0), ROLLBACK_ON_ERROR (1) or "
            "DATAPLANE_ATOMIC (2)"
        )
    if atomicity == _ATOMICITY.DATAPLANE_ATOMIC and count > 1:
        raise RequestError(
            Code.UNIMPLEMENTED, "DATAPLANE_ATOMIC is supported for one update: use ROLLBACK_ON_ERROR for more"
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

    def __init__(
        self,
        pipeline: Pipeline,
        entities: Entities,
        plain: PlainDecoder,
        updates: Sequence[bytes],
        undoable: bool,
    ) -> None:
        self.errors: dict[int, RequestError] = {}
        self.access = FULL
        self._pipeline = pipeline
        self._guards = pipeline.guards
        self._entities = entities
        self._plain = plain
        self._updates = updates
        self._undoable = undoable
        self._tried = 0
        self._touched: set[Table] = set()
        self._undo: list[Undo] = []

    def apply(self) -> None:
        """Try every update."""
        plain = self._plain.decode(self._updates if self.access.ids is None else ())
        runs = InsertRuns(plain)
        while self._tried < len(self._updates):
            index = self._tried
            run = runs.insert(index)
            if run is not None:
                table, self._tried = run
                self._touched.add(table)
                continue
            try:
                self._try(index, plain)
            except RequestError as e:
                self.errors[index] = self._located(index, e)
            except SwitchError as e:
                failed = RequestError(Code.INTERNAL, f"the kernel refused the change: {e}")
                self.errors[index] = self._located(index, failed)
            self._tried = index + 1

    def _try(self, index: int, plain: PlainUpdates) -> None:
        table = plain.apply(index)
        if table is None:
            self._one(self._updates[index])
        else:
            self._touched.add(table)

    def flush(self) -> None:
        """Send what the tables have queued; when the kernel refuses, all changes of that table are undone."""
        for table in self._touched:
            try:
                table.flush()
            except BpfError as e:
                table.rollback()
                self._guards.reset()
                failed = RequestError(Code.INTERNAL, f"the kernel refused the batch: {e}")
                for index, data in enumerate(self._updates[: self._tried]):
                    if index not in self.errors and _parse(data).entity.table_entry.table_id == table.layout.id:
                        self.errors[index] = self._located(index, failed)

    def rollback(self) -> None:
        """Undo everything; updates that had succeeded are answered with ABORTED."""
        for table in self._touched:
            table.rollback()
        for undo in reversed(self._undo):
            undo()
        self._guards.reset()
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
        self.access.check(entity)
        change = self._guards.judge(update)
        table = self._pipeline.tables.get(entity.table_entry.table_id)
        if table is None:
            self._other(update)
        else:
            self._entry(update, table)
        if change:
            self._guards.made(change)

    def _entry(self, update: p4r.Update, table: Table) -> None:
        entity = update.entity
        self._touched.add(table)
        if update.type == p4r.Update.INSERT:
            table.insert(entity)
        elif update.type == p4r.Update.MODIFY:
            table.modify(entity)
        elif update.type == p4r.Update.DELETE:
            table.delete(entity)
        else:
            raise no_type()

    def _other(self, update: p4r.Update) -> None:
        self.flush()
        table = self._table_of(update.entity)
        if table is not None:
            self._touched.add(table)
        if self._undoable:
            self._undo.append(self._entities.snapshot(update))
        self._entities.write(update)

    def _table_of(self, entity: p4r.Entity) -> Table | None:
        """Return the table that an update is about, itself or by a direct resource."""
        ids = (
            entity.table_entry.table_id,
            entity.direct_counter_entry.table_entry.table_id,
            entity.direct_meter_entry.table_entry.table_id,
        )
        return self._pipeline.tables.get(next(filter(None, ids), 0))

    def _located(self, index: int, error: RequestError) -> RequestError:
        """Add to a message which update it is about, and of what."""
        update = p4r.Update()
        with contextlib.suppress(DecodeError):
            update.ParseFromString(self._updates[index])
        table = self._table_of(update.entity)
        where = f" of table {table.name}" if table else ""
        operation = UPDATE_TYPES.get(update.type, "no operation")
        return RequestError(error.code, f"update #{index} ({operation}){where}: {error}")
