"""`rackplane show`: what the running switch has, read over P4Runtime from either target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click
from finsy.proto import p4i, p4r
from rich.console import Console
from rich.table import Table

from rackplane.cli.dump import ActionShown, EntryShown, Namer, number, pick, register_value, register_width
from rackplane.cli.output import json_option, print_json, reports
from rackplane.cli.which import Which, switch_options
from rackplane.switch.errors import SwitchError
from rackplane.switch.reader import SwitchReader, UnimplementedError
from rackplane.topologies.fields import TopologyError

MAX_ELEMENTS = 1 << 16
_failures = reports(TopologyError, SwitchError)
_all = click.option("--all", "every", is_flag=True, help="Also elements that are zero.")
Rows = list[dict[str, object]]


class IndexRange(click.ParamType[tuple[int, int]]):
    """INDEX, or FIRST-LAST."""

    name = "range"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """First and last index."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", str(value))
        if found is None or int(found[2] or found[1]) < int(found[1]):
            self.fail(f"{value!r} is no range: write 7, or 0-15", param, ctx)
        return int(found[1]), int(found[2] or found[1])


@click.group()
def show() -> None:
    """Show what a running switch has: entries, registers, counters, groups, with the names of its P4 program."""


def _open(which: Which) -> SwitchReader:
    reached = which.reach()
    return SwitchReader(reached.address, reached.device_id)


@show.command()
@json_option
@switch_options
@_failures
def tables(which: Which, as_json: bool) -> None:
    """List the tables, with their keys and how many entries they have."""
    with _open(which) as reader:
        info = reader.config().p4info
        rows: Rows = []
        for table in info.tables:
            entries = reader.read(p4r.Entity(table_entry=p4r.TableEntry(table_id=table.preamble.id)))
            keys = [f"{f.name}: {p4i.MatchField.MatchType.Name(f.match_type).lower()}" for f in table.match_fields]
            names = {a.preamble.id: a.preamble.name for a in info.actions}
            actions = [names.get(ref.id, "?") for ref in table.action_refs]
            size = {"table": table.preamble.name, "entries": len(entries), "size": table.size}
            rows.append({**size, "keys": keys, "actions": actions})
    _print(rows, as_json, "the program has no tables")


@show.command()
@click.argument("name")
@json_option
@switch_options
@_failures
def table(which: Which, name: str, as_json: bool) -> None:
    """List the entries of a table, with the counts of its direct counter. NAME may be its last part."""
    with _open(which) as reader:
        info = reader.config().p4info
        found = pick(info.tables, name, "table")
        namer = Namer(info)
        entries = [namer.entry(found, e) for e in _entries(reader, info, found)]
    if as_json:
        print_json([_entry_json(e) for e in entries])
        return
    rows: Rows = [_entry_row(e) for e in entries]
    _print(rows, False, f"{found.preamble.name} has no entries")


@show.command()
@json_option
@switch_options
@_failures
def registers(which: Which, as_json: bool) -> None:
    """List the registers."""
    with _open(which) as reader:
        known = reader.config().p4info.registers
        rows: Rows = [{"register": r.preamble.name, "size": r.size, "width": register_width(r)} for r in known]
    _print(rows, as_json, "the program has no registers")


@show.command()
@click.argument("name")
@click.argument("indexes", metavar="[INDEX|FIRST-LAST]", required=False, type=IndexRange())
@_all
@json_option
@switch_options
@_failures
def register(which: Which, name: str, indexes: tuple[int, int] | None, every: bool, as_json: bool) -> None:
    """List the elements of a register that are not zero, or those of a range."""
    with _open(which) as reader:
        found = pick(reader.config().p4info.registers, name, "register")
        asked = [
            p4r.Entity(register_entry=p4r.RegisterEntry(register_id=found.preamble.id, index=index))
            for index in _indexes(indexes, found.size, found.preamble.name)
        ]
        try:
            entities = reader.read(*asked)
        except UnimplementedError as e:
            raise SwitchError(
                f"this switch does not tell its registers over P4Runtime ({e}); "
                f"on BMv2, `simple_switch_CLI` has register_read {found.preamble.name}"
            ) from e
    rows: Rows = []
    for entity in entities:
        entry = entity.register_entry
        value = register_value(found, entry.data)
        if every or indexes is not None or value.value:
            rows.append({"index": entry.index.index, "value": value.value if as_json else value.text})
    _print(rows, as_json, f"every element of {found.preamble.name} is zero")


@show.command()
@json_option
@switch_options
@_failures
def counters(which: Which, as_json: bool) -> None:
    """List the counters, with the sums of their elements."""
    with _open(which) as reader:
        rows: Rows = []
        for known in reader.config().p4info.counters:
            data = [e.counter_entry.data for e in _counts(reader, known, None)]
            sums = {"packets": sum(d.packet_count for d in data), "bytes": sum(d.byte_count for d in data)}
            rows.append({"counter": known.preamble.name, "size": known.size, **sums})
    _print(rows, as_json, "the program has no counters but direct ones, which `show table` tells")


@show.command()
@click.argument("name")
@click.argument("indexes", metavar="[INDEX|FIRST-LAST]", required=False, type=IndexRange())
@_all
@json_option
@switch_options
@_failures
def counter(which: Which, name: str, indexes: tuple[int, int] | None, every: bool, as_json: bool) -> None:
    """List the elements of a counter that are not zero, or those of a range."""
    with _open(which) as reader:
        found = pick(reader.config().p4info.counters, name, "counter")
        entries = [e.counter_entry for e in _counts(reader, found, indexes)]
    rows: Rows = [
        {"index": e.index.index, "packets": e.data.packet_count, "bytes": e.data.byte_count}
        for e in entries
        if every or indexes is not None or e.data.packet_count or e.data.byte_count
    ]
    _print(rows, as_json, f"every element of {found.preamble.name} is zero")


@show.command()
@json_option
@switch_options
@_failures
def groups(which: Which, as_json: bool) -> None:
    """List multicast groups and clone sessions, with their copies."""
    with _open(which) as reader:
        rows = [*_replication(reader, "multicast_group_entry"), *_replication(reader, "clone_session_entry")]
    _print(rows, as_json, "no multicast groups and no clone sessions")


@show.command()
@json_option
@switch_options
@_failures
def profiles(which: Which, as_json: bool) -> None:
    """List the members and groups of action profiles and selectors."""
    with _open(which) as reader:
        info = reader.config().p4info
        rows: Rows = []
        for known in info.action_profiles:
            rows += _members(reader, Namer(info), known)
    _print(rows, as_json, "no members and no groups")


@show.command()
@json_option
@switch_options
@reports(TopologyError)
def ports(which: Which, as_json: bool) -> None:
    """List the ports, and what is at their other ends."""
    reached = which.reach()
    rows: Rows = [{"port": port, "is": name} for port, name in sorted(reached.ports.items())]
    _print(rows, as_json, "the ports of a switch that is reached by --grpc are not known: give --state-dir")


def _entries(reader: SwitchReader, info: p4i.P4Info, table: p4i.Table) -> Iterator[p4r.TableEntry]:
    """The table's entries, the default one last."""
    direct = any(c.direct_table_id == table.preamble.id for c in info.direct_counters)
    for is_default in (False, True):
        asked = p4r.TableEntry(table_id=table.preamble.id, is_default_action=is_default)
        if direct and not is_default:
            asked.counter_data.SetInParent()
        for entity in reader.read(p4r.Entity(table_entry=asked)):
            if entity.table_entry.is_default_action == is_default:
                yield entity.table_entry


def _entry_json(entry: EntryShown) -> dict[str, object]:
    shown: dict[str, object] = {
        "match": {m.name: m.numbers for m in entry.matches},
        "actions": [_action_json(a) for a in entry.actions],
        "default": entry.is_default,
    }
    if entry.priority:
        shown["priority"] = entry.priority
    if entry.packets is not None:
        shown |= {"packets": entry.packets, "bytes": entry.bytes}
    return shown


def _action_json(action: ActionShown) -> dict[str, object]:
    return {"action": action.name, "params": {name: p.value for name, p in action.params.items()}}


def _entry_row(entry: EntryShown) -> dict[str, object]:
    row: dict[str, object] = {m.name: m.text for m in entry.matches}
    if entry.priority:
        row["priority"] = entry.priority
    row["action"] = ", ".join(a.text for a in entry.actions) + (" (default)" if entry.is_default else "")
    if entry.packets is not None:
        row |= {"packets": entry.packets, "bytes": entry.bytes}
    return row


def _indexes(asked: tuple[int, int] | None, size: int, name: str) -> list[p4r.Index | None]:
    """The index messages of a range; one wildcard for all."""
    first, last = asked or (0, size - 1)
    if last >= size:
        raise SwitchError(f"{name} has elements 0 to {size - 1}, not {last}")
    if last - first >= MAX_ELEMENTS:
        raise SwitchError(f"{name} has {size} elements, too many to list at once: give a range, such as 0-4095")
    return [None] if asked is None else [p4r.Index(index=n) for n in range(first, last + 1)]


def _counts(reader: SwitchReader, known: p4i.Counter, asked: tuple[int, int] | None) -> list[p4r.Entity]:
    return reader.read(
        *(
            p4r.Entity(counter_entry=p4r.CounterEntry(counter_id=known.preamble.id, index=index))
            for index in _indexes(asked, known.size, known.preamble.name)
        )
    )


def _replication(reader: SwitchReader, kind: str) -> Rows:
    entry = p4r.PacketReplicationEngineEntry()
    getattr(entry, kind).SetInParent()
    rows: Rows = []
    for entity in reader.read(p4r.Entity(packet_replication_engine_entry=entry)):
        found = getattr(entity.packet_replication_engine_entry, kind)
        multicast = kind == "multicast_group_entry"
        rows.append(
            {
                "kind": "multicast group" if multicast else "clone session",
                "id": found.multicast_group_id if multicast else found.session_id,
                "copies": [_replica(r) for r in found.replicas],
            }
        )
    return rows


def _replica(replica: p4r.Replica) -> str:
    port = number(replica.port) if replica.WhichOneof("port_kind") == "port" else replica.egress_port
    return f"port {port} instance {replica.instance}"


def _members(reader: SwitchReader, namer: Namer, profile: p4i.ActionProfile) -> Rows:
    number_, name = profile.preamble.id, profile.preamble.name
    member = p4r.ActionProfileMember(action_profile_id=number_)
    rows: Rows = [
        {"profile": name, "kind": "member", "id": e.action_profile_member.member_id,
         "is": namer.action(e.action_profile_member.action).text}
        for e in reader.read(p4r.Entity(action_profile_member=member))
    ]  # fmt: skip
    if profile.with_selector:
        group = p4r.ActionProfileGroup(action_profile_id=number_)
        for e in reader.read(p4r.Entity(action_profile_group=group)):
            found = e.action_profile_group
            shown = ", ".join(f"member {m.member_id} weight {m.weight}" for m in found.members)
            rows.append({"profile": name, "kind": "group", "id": found.group_id, "is": shown})
    return rows


def _print(rows: Sequence[dict[str, object]], as_json: bool, otherwise: str) -> None:
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        click.echo(otherwise)
        return
    shown = Table(box=None, header_style="bold", pad_edge=False)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(row.get(column, "")) for column in columns))
    Console(highlight=False).print(shown)


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
