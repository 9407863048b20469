"""Carrying the forwarding state of one program over to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from finsy.proto import p4r

from rackplane.switch.errors import BpfError, RequestError, invalid
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.tables import Table


def carry_over(old: Pipeline, new: Pipeline) -> None:
    """Write everything that `old` holds to `new`: entries, default actions, groups, registers, counters and meters.

    Raise INVALID_ARGUMENT when an entry or a group does not fit the new program. Registers, counters and meters are
    carried over where both programs have them in the same size.
    """
    _carry_profiles(old, new)
    for table in old.tables.values():
        _carry_entries(table, new.tables.get(table.layout.id))
    for entries, target in ((old.groups, new.groups), (old.sessions, new.sessions)):
        for group in entries.groups.values():
            with _must_fit(f"{entries.kind} {group.id}"):
                target.insert(p4r.Entity.FromString(group.wire))
    for wire in old.digests.wires(0):
        with _must_fit("a digest's configuration"):
            new.digests.put(p4r.Entity.FromString(wire))
    new.guards.verify()
    _carry_registers(old, new)
    _carry_counters(old, new)
    _carry_meters(old, new)
    _carry_value_sets(old, new)


def _carry_entries(old: Table, new: Table | None) -> None:
    written = [e for e in old.entries.values() if not e.const]
    if new is None:
        if written:
            raise invalid(f"table {old.name} is gone from the new program, but has {len(written)} entries")
        return
    counts = _direct_counts(old, new)
    for entry in written:
        entity = p4r.Entity.FromString(entry.wire)
        if counts and any(counts[entry.handle]):
            packets, octets = counts[entry.handle]
            entity.table_entry.counter_data.packet_count, entity.table_entry.counter_data.byte_count = (
                packets,
                octets,
            )
        with _must_fit(f"an entry of table {old.name}"):
            if old.direct.meters is not None and new.direct.meters is not None:
                config = old.direct.meters.config(entry.handle)
                if config is not None:
                    entity.table_entry.meter_config.CopyFrom(config)
            identical = new.holds(entity.table_entry)
            (new.modify if identical else new.insert)(entity)
    if not old.layout.const_default and old.default.wire != old.original_default().wire:
        with _must_fit(f"the default action of table {old.name}"):
            new.modify(p4r.Entity.FromString(old.default.wire))
    new.flush()
    new.commit()


def _direct_counts(old: Table, new: Table) -> list[list[int]]:
    """[packets, bytes] by handle of the old table, where both tables count their hits; empty where not."""
    direct = old.direct
    if direct.counters is None or direct.handles is None or new.direct.counters is None:
        return []
    return direct.counters.snapshot(direct.handles.end)


def _carry_profiles(old: Pipeline, new: Pipeline) -> None:
    for profile_id, profile in old.profiles.items():
        target = new.profiles.get(profile_id)
        if target is None:
            if profile.members:
                raise invalid(
                    f"{profile.name} is gone from the new program, but has {len(profile.members)} members"
                )
            continue
        for member in profile.members.values():
            with _must_fit(f"member {member.id} of {profile.name}"):
                target.insert_member(p4r.Entity.FromString(member.wire))
        for group in profile.groups.values():
            with _must_fit(f"group {group.id} of {profile.name}"):
                target.insert_group(p4r.Entity.FromString(group.wire))


def _carry_value_sets(old: Pipeline, new: Pipeline) -> None:
    for set_id, value_set in old.value_sets.items():
        entity = p4r.Entity.FromString(value_set.wire)
        if set_id in new.value_sets:
            with _must_fit(f"value set {value_set.layout.name}"):
                new.value_sets[set_id].write(entity)
        elif entity.value_set_entry.members:
            raise invalid(f"value set {value_set.layout.name} is gone from the new program, but has members")


def _carry_registers(old: Pipeline, new: Pipeline) -> None:
    for register_id, register in old.registers.items():
        target = new.registers.get(register_id)
        if (
            target is None
            or target.layout.size != register.layout.size
            or target.layout.width != register.layout.width
        ):
            continue
        target.copy(register)


def _carry_counters(old: Pipeline, new: Pipeline) -> None:
    for counter_id, counter in old.counters.items():
        target = new.counters.get(counter_id)
        if target is None or target.layout.size != counter.layout.size:
            continue
        for entity in counter.read(p4r.CounterEntry()):
            if entity.counter_entry.data.packet_count or entity.counter_entry.data.byte_count:
                target.write(entity.counter_entry)


def _carry_meters(old: Pipeline, new: Pipeline) -> None:
    for meter_id, meter in old.meters.items():
        target = new.meters.get(meter_id)
        if target is None or (target.layout.size, target.layout.unit) != (meter.layout.size, meter.layout.unit):
            continue
        for index, config in meter.cells.configs.items():
            target.cells.configure((index,), config)


@contextmanager
def _must_fit(what: str) -> Iterator[None]:
    try:
        yield
    except (RequestError, BpfError) as e:
        raise invalid(f"{what} cannot be kept under the new program: {e}") from e
