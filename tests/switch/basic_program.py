"""The manifest and P4Info of basic.bpf.c, and its object: a bundle that no compiler had a part in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from finsy.proto import p4i

from rackplane.compiler.manifest import (
    MANIFEST_VERSION,
    ActionLayout,
    ConstEntry,
    CounterLayout,
    KeyField,
    Manifest,
    PacketHeader,
    ParamField,
    RegisterLayout,
    SwitchMaps,
    TableKind,
    TableLayout,
    TernaryMaps,
)

L2, ROUTES, ACL, FIXED, SETTINGS = 0x02000001, 0x02000002, 0x02000003, 0x02000004, 0x02000005
FORWARD, MULTICAST, TO_CPU, DROP, ROUTE = 0x01000001, 0x01000002, 0x01000003, 0x01000004, 0x01000005
PERMIT, DENY, SET_LEVEL = 0x01000006, 0x01000007, 0x01000008
PORT_COUNTER, ROUTE_COUNTER = 0x12000001, 0x13000001
SEEN, OCTETS, LAST_HEADER, LEVEL = 0x16000001, 0x16000002, 0x16000003, 0x16000004
PACKET_IN, PACKET_OUT = 0x04000001, 0x04000002
CPU_PORT = 510
TABLE_SIZE = 65536
ACL_SIZE = 256
ACL_GROUPS = 8

_DROP = ActionLayout(DROP, "ingress.drop", ())
_TABLES = (
    TableLayout(
        id=L2,
        name="ingress.l2",
        kind=TableKind.HASH,
        map="l2",
        default_map="l2_default",
        size=TABLE_SIZE,
        key_size=8,
        value_size=16,
        keys=(KeyField(1, "hdr.ethernet.dst", 48, "exact", 0, 6),),
        actions=(
            ActionLayout(FORWARD, "ingress.forward", (ParamField(1, "port", 9, 8, 2),)),
            ActionLayout(MULTICAST, "ingress.multicast", (ParamField(1, "group", 16, 8, 2),)),
            ActionLayout(TO_CPU, "ingress.to_cpu", ()),
            _DROP,
        ),
        default=(3, ()),
        const_default=False,
    ),
    TableLayout(
        id=ROUTES,
        name="ingress.routes",
        kind=TableKind.LPM,
        map="routes",
        default_map="routes_default",
        size=TABLE_SIZE,
        key_size=4,
        value_size=24,
        keys=(KeyField(1, "hdr.ipv4.dst", 32, "lpm", 0, 4),),
        actions=(
            ActionLayout(ROUTE, "ingress.route", (ParamField(1, "mac", 48, 8, 8), ParamField(2, "port", 9, 16, 2))),
            _DROP,
        ),
        default=(1, ()),
        const_default=False,
        direct_counter="route_counter",
    ),
    TableLayout(
        id=ACL,
        name="ingress.acl",
        kind=TableKind.TERNARY,
        map="acl",
        default_map="",
        size=ACL_SIZE,
        key_size=8,
        value_size=8,
        keys=(
            KeyField(1, "hdr.ipv4.src", 32, "ternary", 0, 4),
            KeyField(2, "hdr.udp.dst_port", 16, "range", 4, 2),
            KeyField(3, "hdr.ipv4.protocol", 8, "optional", 6, 1),
        ),
        actions=(ActionLayout(PERMIT, "ingress.permit", ()), ActionLayout(DENY, "ingress.deny", ())),
        default=(0, ()),
        const_default=True,
        ternary=TernaryMaps("acl_masks", "acl_active", ACL_GROUPS),
    ),
    TableLayout(
        id=FIXED,
        name="ingress.fixed",
        kind=TableKind.CODE,
        map="",
        default_map="",
        size=2,
        key_size=4,
        value_size=8,
        keys=(KeyField(1, "meta.state", 4, "exact", 0, 1), KeyField(2, "meta.event", 4, "ternary", 1, 1)),
        actions=(_DROP, ActionLayout(PERMIT, "ingress.permit", ())),
        default=(0, ()),
        const_default=True,
        entries=(
            ConstEntry(((1, 0), (2, 3)), 1, (), 2, True),
            ConstEntry(((2, 0), (0, 0)), 0, (), 1, True),
        ),
    ),
    TableLayout(
        id=SETTINGS,
        name="ingress.settings",
        kind=TableKind.KEYLESS,
        map="",
        default_map="settings",
        size=1,
        key_size=0,
        value_size=32,
        keys=(),
        actions=(
            ActionLayout(
                SET_LEVEL,
                "ingress.set_level",
                (ParamField(1, "level", 7, 8, 1), ParamField(2, "mark", 128, 16, 16)),
            ),
            ActionLayout(PERMIT, "ingress.permit", ()),
        ),
        default=(0, (5, 1)),
        const_default=False,
    ),
)


def manifest() -> Manifest:
    """What a compiler would have said of basic.bpf.c."""
    return Manifest(
        version=MANIFEST_VERSION,
        source="basic.p4",
        ingress_program="ingress",
        egress_program="egress",
        cpu_port=CPU_PORT,
        drop_port=511,
        maps=SwitchMaps(
            ports=".data.ports",
            tx="tx",
            groups="groups",
            replicas="replicas",
            drops="drops",
            reasons=("short", "not a port", "denied", "no route"),
            max_ifindex=65536,
            max_ports=512,
            max_groups=16,
            max_replicas=64,
        ),
        tables=_TABLES,
        registers=(
            RegisterLayout(SEEN, "ingress.seen", ".data.seen", 32, False, 16, 4),
            RegisterLayout(OCTETS, "ingress.octets", ".data.octets", 48, False, 16, 8),
            RegisterLayout(LAST_HEADER, "ingress.last_header", ".data.last_header", 128, False, 4, 16),
            RegisterLayout(LEVEL, "ingress.level", ".data.level", 12, True, 8, 2),
        ),
        counters=(
            CounterLayout(PORT_COUNTER, "ingress.port_counter", "port_counter", "both", 16),
            CounterLayout(ROUTE_COUNTER, "ingress.route_counter", "route_counter", "both", 0, ROUTES),
        ),
        packet_in=PacketHeader("packet_in", ((1, "ingress_port", 9), (0, "_pad", 7))),
        packet_out=PacketHeader("packet_out", ((1, "egress_port", 9), (0, "_pad", 7))),
    )


def p4info() -> p4i.P4Info:
    """The P4Info that belongs to manifest()."""
    info = p4i.P4Info(pkg_info=p4i.PkgInfo(arch="v1model"))
    for table in manifest().tables:
        _add_table(info, table)
    for register in manifest().registers:
        item = info.registers.add(size=register.size)
        item.preamble.id, item.preamble.name, item.preamble.alias = (
            register.id,
            register.name,
            _alias(register.name),
        )
        kind = item.type_spec.bitstring
        (kind.int if register.signed else kind.bit).bitwidth = register.width
    counter = info.counters.add(size=16)
    counter.preamble.id, counter.preamble.name = PORT_COUNTER, "ingress.port_counter"
    counter.preamble.alias, counter.spec.unit = "port_counter", p4i.CounterSpec.BOTH
    direct = info.direct_counters.add(direct_table_id=ROUTES)
    direct.preamble.id, direct.preamble.name = ROUTE_COUNTER, "ingress.route_counter"
    direct.preamble.alias, direct.spec.unit = "route_counter", p4i.CounterSpec.BOTH
    for number, name, field in (
        (PACKET_IN, "packet_in", "ingress_port"),
        (PACKET_OUT, "packet_out", "egress_port"),
    ):
        header = info.controller_packet_metadata.add()
        header.preamble.id, header.preamble.name, header.preamble.alias = number, name, name
        header.metadata.add(id=1, name=field, bitwidth=9)
    return info


def build(directory: Path) -> bytes:
    """Compile basic.bpf.c and return the object."""
    source, target = Path(__file__).parent / "fixtures" / "basic.bpf.c", directory / "basic.o"
    include = "-I/usr/include/x86_64-linux-gnu"
    command = [
        "clang",
        "-g",
        "-O2",
        "-Wall",
        "-Werror",
        "-target",
        "bpf",
        include,
        "-c",
        str(source),
        "-o",
        str(target),
    ]
    subprocess.run(command, check=True)
    return target.read_bytes()


def _add_table(info: p4i.P4Info, table: TableLayout) -> None:
    item = info.tables.add(size=table.size)
    item.preamble.id, item.preamble.name, item.preamble.alias = table.id, table.name, _alias(table.name)
    for key in table.keys:
        kind = p4i.MatchField.MatchType.Value(key.kind.upper())
        item.match_fields.add(id=key.id, name=key.name, bitwidth=key.width, match_type=kind)
    known = {a.preamble.id for a in info.actions}
    for action in table.actions:
        item.action_refs.add(
            id=action.id, scope=_SCOPES.get((table.id, action.id), p4i.ActionRef.TABLE_AND_DEFAULT)
        )
        if action.id in known:
            continue
        added = info.actions.add()
        added.preamble.id, added.preamble.name, added.preamble.alias = action.id, action.name, _alias(action.name)
        for param in action.params:
            added.params.add(id=param.id, name=param.name, bitwidth=param.width)
    item.is_const_table = table.kind is TableKind.CODE
    item.has_initial_entries = bool(table.entries)
    if table.const_default:
        item.const_default_action_id = table.actions[table.default[0]].id
    if table.direct_counter:
        item.direct_resource_ids.append(ROUTE_COUNTER)


_SCOPES = {(L2, MULTICAST): p4i.ActionRef.TABLE_ONLY, (ROUTES, DROP): p4i.ActionRef.DEFAULT_ONLY}


def _alias(name: str) -> str:
    return name.rpartition(".")[2]
