"""sN-runtime.json of the P4 tutorials: the entries, multicast groups and clone sessions of one switch.

What is read is what the tutorials' simple_controller.py reads; `p4info` and `bmv2_json` name files of p4c's, which
only tell the program's name here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4i, p4r

from rackplane.topologies.exercise import values
from rackplane.topologies.fields import Fields, TopologyError, read_json

_TARGETS = ("bmv2", "xdp")
_MAX_REPLICAS = 512


@dataclass(frozen=True)
class Request:
    """One update, and the place in the file that asks for it."""

    place: str
    update: p4r.Update


def read_runtime(file: Path, info: p4i.P4Info) -> list[Request]:
    """The updates that a file asks for, in its order. Raises TopologyError with file and JSON path."""
    root = Fields(read_json(file), f"{file}: $")
    if root.text("target") not in _TARGETS:
        raise TopologyError(f"{root.place('target')} must be {' or '.join(_TARGETS)}, not {root.text('target')!r}")
    return [
        *(Request(p, _table_entry(f, info, p)) for f, p in _listed(root, "table_entries")),
        *(Request(p, _group(f)) for f, p in _listed(root, "multicast_group_entries")),
        *(Request(p, _session(f)) for f, p in _listed(root, "clone_session_entries")),
    ]


def _listed(root: Fields, key: str) -> Iterator[tuple[Fields, str]]:
    if not root.is_null(key):
        yield from ((f, f"{root.place(key)}[{index}]") for index, f in enumerate(root.objects(key)))


def _table_entry(f: Fields, info: p4i.P4Info, place: str) -> p4r.Update:
    table = values.table_named(info, f.text("table"), f.place("table"))
    default = not f.is_null("default_action") and f.flag("default_action")
    entry = p4r.TableEntry(table_id=table.preamble.id, is_default_action=default)
    entry.match.extend(_matches(f.child("match", optional=True), table))
    params = f.child("action_params", optional=True)
    found = {name: params.value(name) for name in params}
    entry.action.CopyFrom(values.action(f.text("action_name"), found, table, info, place))
    if not f.is_null("priority"):
        entry.priority = f.bounded("priority", 0, (1 << 31) - 1)
    if (
        not default
        and not entry.priority
        and any(k.match_type in values.PRIORITY_KINDS for k in table.match_fields)
    ):
        raise TopologyError(
            f"{place} needs a priority of 1 or more: table {table.preamble.name} has keys that overlap"
        )
    kind = p4r.Update.MODIFY if default else p4r.Update.INSERT
    return p4r.Update(type=kind, entity=p4r.Entity(table_entry=entry))


def _matches(f: Fields, table: p4i.Table) -> Iterator[p4r.FieldMatch]:
    keys = {key.name: key for key in table.match_fields}
    for name in f:
        if name not in keys:
            raise TopologyError(f"{f.place(name)}: table {table.preamble.name} has the keys {', '.join(keys)}")
        found = values.match(keys[name], f.value(name), f.place(name))
        if found is not None:
            yield found


def _group(f: Fields) -> p4r.Update:
    number = f.bounded("multicast_group_id", 1, 0xFFFF)
    entry = p4r.MulticastGroupEntry(multicast_group_id=number, replicas=_replicas(f))
    return _insert(p4r.PacketReplicationEngineEntry(multicast_group_entry=entry))


def _session(f: Fields) -> p4r.Update:
    entry = p4r.CloneSessionEntry(
        session_id=f.bounded("clone_session_id", 1, 0x7FFF),
        packet_length_bytes=0 if f.is_null("packet_length_bytes") else f.bounded("packet_length_bytes", 0, 1 << 16),
        replicas=_replicas(f),
    )
    return _insert(p4r.PacketReplicationEngineEntry(clone_session_entry=entry))


def _replicas(f: Fields) -> list[p4r.Replica]:
    listed = f.objects("replicas")
    if len(listed) > _MAX_REPLICAS:
        raise TopologyError(f"{f.place('replicas')} has {len(listed)} replicas: {_MAX_REPLICAS} are possible")
    return [
        p4r.Replica(egress_port=r.bounded("egress_port", 0, 511), instance=r.bounded("instance", 0, 0xFFFF))
        for r in listed
    ]


def _insert(entry: p4r.PacketReplicationEngineEntry) -> p4r.Update:
    entity = p4r.Entity(packet_replication_engine_entry=entry)
    return p4r.Update(type=p4r.Update.INSERT, entity=entity)
