"""Writes of everything but table entries: one handler per kind of entity."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from finsy.proto import p4r

from rackplane.switch.errors import Code, RequestError, invalid, not_found
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.profiles import ActionProfile
from rackplane.switch.replication import ReplicationEntries

UPDATE_TYPES = {p4r.Update.INSERT: "INSERT", p4r.Update.MODIFY: "MODIFY", p4r.Update.DELETE: "DELETE"}

Undo = Callable[[], None]
"""Puts back what was there before an update. It checks nothing and refuses nothing."""


@dataclass(frozen=True)
class EntityKind:
    """How a kind of entity is written.

    `write` applies an update or raises a RequestError and changes nothing. `snapshot` is called before `write` when
    the batch may have to be undone; of an update that makes no sense it returns an Undo that does nothing.
    """

    write: Callable[[p4r.Update], None]
    snapshot: Callable[[p4r.Update], Undo]


class Entities:
    """The entities of one program by the name of their member in p4r.Entity."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._kinds: dict[str, EntityKind] = {
            "counter_entry": EntityKind(self._write_counter, self._save_counter),
            "direct_counter_entry": EntityKind(self._write_direct_counter, _saved_by_table),
            "meter_entry": EntityKind(self._write_meter, self._save_meter),
            "direct_meter_entry": EntityKind(self._write_direct_meter, _saved_by_table),
            "action_profile_member": EntityKind(self._write_member, self._save_member),
            "action_profile_group": EntityKind(self._write_group, self._save_group),
            "value_set_entry": EntityKind(self._write_value_set, self._save_value_set),
            "register_entry": EntityKind(self._write_register, self._save_register),
            "digest_entry": EntityKind(pipeline.digests.write, self._save_digest),
            "packet_replication_engine_entry": EntityKind(self._write_replication, self._save_replication),
        }

    def write(self, update: p4r.Update) -> None:
        """Apply an update; RequestError."""
        self._kind(update).write(update)

    def snapshot(self, update: p4r.Update) -> Undo:
        """Return what undoes an update that is about to be written; RequestError when its kind is not supported."""
        return self._kind(update).snapshot(update)

    def _kind(self, update: p4r.Update) -> EntityKind:
        kind = update.entity.WhichOneof("entity")
        if kind is None:
            raise invalid("the update has no entity")
        if kind == "table_entry":
            raise no_such("table", update.entity.table_entry.table_id, self._pipeline.tables)
        if update.type not in UPDATE_TYPES:
            raise no_type()
        found = self._kinds.get(kind)
        if found is None:
            raise RequestError(Code.UNIMPLEMENTED, f"writing a {kind} is not supported")
        return found

    # Counters

    def _write_counter(self, update: p4r.Update) -> None:
        entry = update.entity.counter_entry
        counter = self._pipeline.counters.get(entry.counter_id)
        if counter is None:
            raise no_such("counter", entry.counter_id, self._pipeline.counters)
        _only_modify(update, "a counter")
        counter.write(entry)

    def _save_counter(self, update: p4r.Update) -> Undo:
        entry = update.entity.counter_entry
        counter = self._pipeline.counters.get(entry.counter_id)
        return counter.snapshot(entry) if counter else nothing_to_undo

    def _write_direct_counter(self, update: p4r.Update) -> None:
        entry = update.entity.direct_counter_entry
        table = self._pipeline.tables.get(entry.table_entry.table_id)
        if table is None:
            raise no_such("table", entry.table_entry.table_id, self._pipeline.tables)
        _only_modify(update, "a direct counter")
        table.set_counter(entry)

    # Meters

    def _write_meter(self, update: p4r.Update) -> None:
        entry = update.entity.meter_entry
        meter = self._pipeline.meters.get(entry.meter_id)
        if meter is None:
            raise no_such("meter", entry.meter_id, self._pipeline.meters)
        _only_modify(update, "a meter")
        meter.write(entry)

    def _save_meter(self, update: p4r.Update) -> Undo:
        entry = update.entity.meter_entry
        meter = self._pipeline.meters.get(entry.meter_id)
        return meter.snapshot(entry) if meter else nothing_to_undo

    def _write_direct_meter(self, update: p4r.Update) -> None:
        entry = update.entity.direct_meter_entry
        table = self._pipeline.tables.get(entry.table_entry.table_id)
        if table is None:
            raise no_such("table", entry.table_entry.table_id, self._pipeline.tables)
        _only_modify(update, "a direct meter")
        table.set_meter(entry)

    # Action profiles

    def _write_member(self, update: p4r.Update) -> None:
        profile = self._profile(update.entity.action_profile_member.action_profile_id)
        change = {
            p4r.Update.INSERT: profile.insert_member,
            p4r.Update.MODIFY: profile.modify_member,
            p4r.Update.DELETE: profile.delete_member,
        }
        change[update.type](update.entity)

    def _save_member(self, update: p4r.Update) -> Undo:
        entry = update.entity.action_profile_member
        profile = self._pipeline.profiles.get(entry.action_profile_id)
        return profile.snapshot_member(entry.member_id) if profile else nothing_to_undo

    def _write_group(self, update: p4r.Update) -> None:
        profile = self._profile(update.entity.action_profile_group.action_profile_id)
        change = {
            p4r.Update.INSERT: profile.insert_group,
            p4r.Update.MODIFY: profile.modify_group,
            p4r.Update.DELETE: profile.delete_group,
        }
        change[update.type](update.entity)

    def _save_group(self, update: p4r.Update) -> Undo:
        entry = update.entity.action_profile_group
        profile = self._pipeline.profiles.get(entry.action_profile_id)
        return profile.snapshot_group(entry.group_id) if profile else nothing_to_undo

    def _profile(self, profile_id: int) -> ActionProfile:
        profile = self._pipeline.profiles.get(profile_id)
        if profile is None:
            raise no_such("action profile", profile_id, self._pipeline.profiles)
        return profile

    # Value sets

    def _write_value_set(self, update: p4r.Update) -> None:
        set_id = update.entity.value_set_entry.value_set_id
        found = self._pipeline.value_sets.get(set_id)
        if found is None:
            raise no_such("value set", set_id, self._pipeline.value_sets)
        _only_modify(update, "a value set")
        found.write(update.entity)

    def _save_value_set(self, update: p4r.Update) -> Undo:
        found = self._pipeline.value_sets.get(update.entity.value_set_entry.value_set_id)
        return found.snapshot() if found else nothing_to_undo

    # Registers

    def _write_register(self, update: p4r.Update) -> None:
        entry = update.entity.register_entry
        register = self._pipeline.registers.get(entry.register_id)
        if register is None:
            raise no_such("register", entry.register_id, self._pipeline.registers)
        _only_modify(update, "a register")
        register.write(entry)

    def _save_register(self, update: p4r.Update) -> Undo:
        entry = update.entity.register_entry
        register = self._pipeline.registers.get(entry.register_id)
        return register.snapshot(entry) if register else nothing_to_undo

    def _save_digest(self, update: p4r.Update) -> Undo:
        digests, digest_id = self._pipeline.digests, update.entity.digest_entry.digest_id
        if not digests.known(digest_id):
            return nothing_to_undo
        before = digests.wires(digest_id)

        def undo() -> None:
            if before:
                digests.put(p4r.Entity.FromString(before[0]))
            else:
                digests.drop(digest_id)

        return undo

    # The packet replication engine

    def _write_replication(self, update: p4r.Update) -> None:
        entries = self._replication_entries(update)
        if entries is None:
            raise invalid("the replication entry is neither a multicast group nor a clone session")
        change = {
            p4r.Update.INSERT: entries.insert,
            p4r.Update.MODIFY: entries.modify,
            p4r.Update.DELETE: entries.delete,
        }
        change[update.type](update.entity)

    def _save_replication(self, update: p4r.Update) -> Undo:
        entries = self._replication_entries(update)
        return entries.snapshot(update.entity) if entries is not None else nothing_to_undo

    def _replication_entries(self, update: p4r.Update) -> ReplicationEntries | None:
        kind = update.entity.packet_replication_engine_entry.WhichOneof("type")
        return self._pipeline.replication_entries(kind)


def _saved_by_table(update: p4r.Update) -> Undo:
    """Direct resources are undone by their table, with its entries."""
    return nothing_to_undo


def nothing_to_undo() -> None:
    """Undo an update that was refused."""


def no_type() -> RequestError:
    """The update is neither INSERT nor MODIFY nor DELETE."""
    return invalid("the update has no type; it must be INSERT, MODIFY or DELETE")


def no_such(what: str, given: int, known: Collection[int]) -> RequestError:
    """An id is missing, or the program has nothing of that id."""
    if not given:
        return invalid(f"the {what} id is missing")
    return not_found(f"there is no {what} with id {given}; known are {', '.join(map(str, known)) or 'none'}")


def _only_modify(update: p4r.Update, what: str) -> None:
    if update.type != p4r.Update.MODIFY:
        raise invalid(f"{what} can only be modified; {UPDATE_TYPES[update.type]} is refused")
