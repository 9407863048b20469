"""Entries of a table as the control plane sees them, and the checks on TableEntry messages."""

from __future__ import annotations

from dataclasses import dataclass

from finsy.proto import p4r

from rackplane.compiler.manifest import ConstEntry, KeyField, TableLayout
from rackplane.switch import codec
from rackplane.switch.errors import invalid
from rackplane.switch.keys import MaskedKey, needs_priority
from rackplane.switch.shares import Group, Member


@dataclass(slots=True)
class Entry:
    """One entry. `wire` is its p4r.Entity in canonical form, serialized, without counters: what a read returns.

    `target` is the member or group that an entry of a table with an action profile names.
    """

    wire: bytes
    value: bytes
    action_id: int
    priority: int = 0
    handle: int = 0
    const: bool = False
    masked: tuple[MaskedKey, ...] = ()
    target: Member | Group | None = None

    def message(self) -> p4r.TableEntry:
        """Return the entry as a message."""
        return p4r.Entity.FromString(self.wire).table_entry


def check_common(entry: p4r.TableEntry, idle_timeout: bool) -> None:
    """Refuse what no INSERT or MODIFY may carry."""
    if entry.is_const:
        raise invalid("is_const may not be set in a write")
    if entry.HasField("time_since_last_hit"):
        raise invalid("time_since_last_hit may not be set in a write")
    if entry.idle_timeout_ns and not idle_timeout:
        raise invalid("idle_timeout_ns is set, but the table does not support idle timeouts")
    if entry.idle_timeout_ns < 0:
        raise invalid(f"idle_timeout_ns is {entry.idle_timeout_ns}; it may not be negative")


def check_default(entry: p4r.TableEntry) -> None:
    """Refuse a default entry that looks like a match entry."""
    if entry.match or entry.priority:
        raise invalid("a default entry has no match fields and no priority")
    if entry.idle_timeout_ns or entry.HasField("time_since_last_hit"):
        raise invalid("a default entry has no idle timeout")


def action_of(entry: p4r.TableEntry) -> p4r.Action:
    """Return the action of an entry of a direct table."""
    kind = entry.action.WhichOneof("type")
    if kind is None:
        raise invalid("no action is given")
    if kind != "action":
        raise invalid(f"the action must be given directly; {kind} is for tables with an action profile")
    return entry.action.action


def initial_entry(layout: TableLayout, entry: ConstEntry) -> p4r.TableEntry:
    """Return an entry of the program itself as a message, without its action."""
    message = p4r.TableEntry(table_id=layout.id, is_const=entry.const)
    if needs_priority(layout):
        message.priority = entry.priority
    for field, (value, other) in zip(layout.keys, entry.matches, strict=True):
        match = _field_match(field, value, other)
        if match is not None:
            message.match.append(match)
    return message


def _field_match(field: KeyField, value: int, other: int) -> p4r.FieldMatch | None:
    full = (1 << field.width) - 1
    match = p4r.FieldMatch(field_id=field.id)
    if field.kind == "exact":
        match.exact.value = codec.encode(value)
    elif field.kind == "lpm":
        if other == 0:
            return None
        match.lpm.value, match.lpm.prefix_len = codec.encode(value), other
    elif field.kind == "range":
        if (value, other) == (0, full):
            return None
        match.range.low, match.range.high = codec.encode(value), codec.encode(other)
    elif other == 0:
        return None
    elif field.kind == "optional":
        match.optional.value = codec.encode(value)
    else:
        match.ternary.value, match.ternary.mask = codec.encode(value & other), codec.encode(other)
    return match
