"""The two XDP programs: ingress with the traffic manager, and egress per copy of a multicast packet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rackplane.compiler import ir
from rackplane.compiler.backend import loop, tracepoints
from rackplane.compiler.backend.context import Facts
from rackplane.compiler.backend.ctext import CWriter, runtime
from rackplane.compiler.backend.externs import DROP_PORT
from rackplane.compiler.backend.parser import place_name, tracked
from rackplane.compiler.backend.paths import Paths
from rackplane.compiler.backend.structure import Structure
from rackplane.compiler.backend.usage import standard_fields

INGRESS_PROGRAM = "rackplane_in"
EGRESS_PROGRAM = "rackplane_out"
LOOP_PROGRAM = "rackplane_loop"
ENTRY_POINTS = (INGRESS_PROGRAM, EGRESS_PROGRAM, LOOP_PROGRAM)
CPU_PORT = 510
REPLICATION = 5
_INGRESS_PHV, _EGRESS_PHV = 0, 1
_MEMSET_LIMIT = 512
_CLEAR = "memset(&phv->{0}, 0, sizeof(phv->{0}));"


class DropReason(IntEnum):
    """Why the switch drops a packet; the drops map has one count for each."""

    PROGRAM = 1
    NOT_A_PORT = 2
    NO_PORT = 3
    NO_GROUP = 4
    NO_ROOM = 5
    BUSY = 6
    PASSES = 7
    LATE = 8
    ASSERTION = 9

    @property
    def macro(self) -> str:
        """The reason's name in C."""
        return f"DROP_{self.name}"


REASONS = (
    "none",
    "the program dropped it",
    "it came from an interface that is no switch port",
    "its egress port has no interface",
    "its multicast group does not exist",
    "no room for its headers",
    "the register lock stayed busy",
    "it took more passes through the switch than a packet may",
    "its state was gone when its copy came up",
    "an assert() or assume() of the program does not hold",
)


@dataclass(frozen=True)
class Limits:
    """Sizes of the maps that every program has, the bytes in front of a packet that are no part of it, and whether
    the kernel has may_goto."""

    max_ifindex: int = 65536
    max_ports: int = 512
    max_groups: int = 4096
    max_replicas: int = 512
    lead_bytes: int = 0
    may_goto: bool = True

    def macros(self) -> dict[str, int]:
        """The C macros."""
        return {
            "MAX_IFINDEX": self.max_ifindex,
            "MAX_PORTS": self.max_ports,
            "MAX_GROUPS": self.max_groups,
            "MAX_REPLICAS": self.max_replicas,
            "LEAD_BYTES": self.lead_bytes,
            "HAVE_MAY_GOTO": int(self.may_goto),
            "MAX_FANS": 2 * self.max_groups,
            "MAX_DEVICE_MAPS": 2 * self.max_groups + self.max_replicas + self.max_ports,
            "DROP_PORT": DROP_PORT,
            "DROP_REASONS": len(REASONS),
        }


@dataclass(frozen=True)
class Entry:
    """What the entry points are made from."""

    facts: Facts
    out: CWriter
    structure: Structure
    per_copy: bool
    replica_ids: bool
    in_map: frozenset[str]

    @property
    def paths(self) -> Paths:
        """The packet paths that the program takes."""
        return self.facts.paths

    @property
    def seen(self) -> bool:
        """Whether the egress program counts the replicas of each port."""
        return self.replica_ids and not self.paths.egress_branches

    def sets(self, *names: str) -> list[str]:
        """Those of the standard metadata's members that the program uses."""
        used = standard_fields(self.facts.pipeline)
        return [n for n in names if n in used]


def standard_members(pipeline: ir.Pipeline) -> frozenset[str]:
    """The members of standard_metadata that the program or the switch around it uses."""
    return standard_fields(pipeline) | {"ingress_port", "egress_spec", "egress_port", "mcast_grp"}


def slot_members(facts: Facts, structure: Structure, seen: bool) -> list[str]:
    """The members of struct slot: what a multicast packet carries from ingress to egress."""
    members = ["struct phv phv;", "u32 length;", "u32 parsed;"]
    members += [f"u16 {place_name(path)};" for path in tracked(structure)]
    members += loop.slot_members(facts.paths, facts.types.c_type(facts.pipeline.metadata))
    if seen:
        members += ["u8 seen[MAX_PORTS] ALIGNED;"]
    return members


def write(entry: Entry) -> None:
    """The maps of the traffic manager and the programs."""
    _maps(entry)
    _begin_egress(entry)
    if entry.per_copy:
        loop.write_places(entry.out, entry.structure)
    if entry.paths.loops:
        loop.write_structures(entry.facts, entry.out, entry.seen)
        entry.out.text(runtime("paths.h"))
        _program(entry, "xdp", LOOP_PROGRAM, "process_loop")
    elif entry.per_copy:
        _multicast_with_egress(entry)
    else:
        _multicast_plain(entry)
    if entry.per_copy and not entry.paths.egress_branches:
        _egress_program(entry)
    if not entry.paths.loops:
        _finish(entry)
    _ingress_program(entry)
    entry.out.line('char _license[] SEC("license") = "Dual MIT/GPL";')


def _program(entry: Entry, section: str, name: str, body: str) -> None:
    """An XDP program; its body returns an XDP action, or a negative drop reason."""
    out, trace = entry.out, entry.facts.trace
    with out.block(f'SEC("{section}") int {name}(struct xdp_md *ctx)'):
        tracepoints.begin(out, trace, first=name == INGRESS_PROGRAM, copy=name == EGRESS_PROGRAM)
        out.line(f"int action = {body}(ctx);")
        tracepoints.end(out, trace)
        out.line("return action < 0 ? drop(-action) : action;")


def _maps(entry: Entry) -> None:
    out = entry.out
    if entry.in_map:
        out.line("DEFINE_MAP(phvs, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct phv, 2);")
    if entry.per_copy:
        out.line(f"struct cpu {{ u32 next_slot;{' u32 wake; u32 next_pool;' if entry.paths.loops else ''} }};")
        out.line("DEFINE_MAP(cpus, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct cpu, 1);")
        out.line("DEFINE_MAP(slots, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct slot, MAX_SLOTS);")
    if entry.replica_ids or entry.paths.egress_branches:
        out.line("struct replica { u32 group; u16 port; u16 nth; };")
        out.line("DEFINE_MAP(replicas, BPF_MAP_TYPE_HASH, 0, struct replica, u32, 65536);")


def _phv(entry: Entry, index: int, failure: str) -> None:
    """Declare phv, all invalid and zero; that of egress is filled afterwards."""
    out = entry.out
    if ENTRY_POINTS[index] not in entry.in_map:
        out.line("struct phv phv_ = {}, *phv = &phv_;")
        return
    out.line(f"u32 which = {index};")
    out.line("struct phv *phv = bpf_map_lookup_elem(&phvs, &which);")
    out.line(f"if (!phv) {failure}")
    if index == _EGRESS_PHV:
        return
    types, pipeline = entry.facts.types, entry.facts.pipeline
    for statement in types.invalidate("phv->hdr", pipeline.headers):
        out.line(statement)
    large = types.size_of(pipeline.metadata) > _MEMSET_LIMIT
    out.line("clear_words((u64 *)&phv->meta, (sizeof(phv->meta) + 7) / 8);" if large else _CLEAR.format("meta"))
    out.line(_CLEAR.format("sm"))
    if entry.paths.any:
        out.line("phv->path = (struct path){};")


def _copy_phv(entry: Entry, index: int, target: str, source: str) -> None:
    if ENTRY_POINTS[index] in entry.in_map:
        entry.out.line(f"copy_words((u64 *)({target}), (const u64 *)({source}), sizeof(struct phv) / 8);")
    else:
        entry.out.line(f"*({target}) = *({source});")


def _multicast_plain(entry: Entry) -> None:
    out = entry.out
    with out.block("INLINE int multicast(struct packet *pkt, struct phv *phv, u32 group)"):
        out.line("void *copies = bpf_map_lookup_elem(&groups, &group);")
        out.line("if (!copies) return -DROP_NO_GROUP;")
        _late(entry)
        out.line("return bpf_redirect_map(copies, 0, BPF_F_BROADCAST | XDP_DROP);")


def _late(entry: Entry) -> None:
    """Checksums and deparser."""
    entry.out.line("u32 reason = compute(pkt, phv);")
    entry.out.line("if (!reason) reason = deparse(pkt, phv);")
    entry.out.line("if (reason) return -(int)reason;")


def _multicast_with_egress(entry: Entry) -> None:
    out = entry.out
    with out.block("INLINE int multicast(struct packet *pkt, struct phv *phv, u32 group)"):
        out.line("u32 zero = 0;")
        out.line("void *copies = bpf_map_lookup_elem(&groups, &group);")
        out.line("if (!copies) return -DROP_NO_GROUP;")
        out.line("struct cpu *cpu = bpf_map_lookup_elem(&cpus, &zero);")
        out.line("if (!cpu) return -DROP_NO_ROOM;")
        out.line("u32 index = cpu->next_slot++ % MAX_SLOTS;")
        out.line("struct slot *slot = bpf_map_lookup_elem(&slots, &index);")
        out.line("if (!slot) return -DROP_NO_ROOM;")
        if entry.sets("instance_type"):
            out.line(f"phv->sm.f_instance_type = {REPLICATION};")
        if entry.paths.shortens:
            out.line("phv->path.shortened = 0; /* it is no metadata on BMv2, which copies metadata only */")
        _copy_phv(entry, _INGRESS_PHV, "&slot->phv", "phv")
        out.line("put_places(slot, pkt);")
        if entry.replica_ids:
            out.line("memset(slot->seen, 0, sizeof(slot->seen));")
        out.line("drop_metadata(pkt->ctx);")
        out.line("if (bpf_xdp_adjust_meta(pkt->ctx, -4)) return -DROP_NO_ROOM;")
        out.line("u32 *note = (u32 *)(long)pkt->ctx->data_meta;")
        out.line("if ((u8 *)(note + 1) > (u8 *)(long)pkt->ctx->data) return -DROP_NO_ROOM;")
        out.line("*note = index;")
        out.line("return bpf_redirect_map(copies, 0, BPF_F_BROADCAST | XDP_DROP);")


def _egress_program(entry: Entry) -> None:
    out = entry.out
    with out.block("INLINE int process_copy(struct xdp_md *ctx)"):
        _take_slot(entry)
        out.line("u32 port = port_of(ctx->egress_ifindex);")
        out.line("if (!port) return -DROP_NOT_A_PORT;")
        out.line("struct packet packet = {.ctx = ctx}, *pkt = &packet;")
        out.line("load_bounds(pkt);")
        out.line("take_places(pkt, slot);")
        _phv(entry, _EGRESS_PHV, "return -DROP_NO_ROOM;")
        _copy_phv(entry, _EGRESS_PHV, "phv", "&slot->phv")
        _set_replica(entry)
        _run_egress(entry)
        _cut(entry)
        out.line("return XDP_PASS;")
    _program(entry, "xdp/devmap", EGRESS_PROGRAM, "process_copy")


def _take_slot(entry: Entry) -> None:
    """Find the state of a copy, and take off the note that leads to it."""
    out = entry.out
    out.line("u32 *note = (u32 *)(long)ctx->data_meta;")
    out.line("if ((u8 *)(note + 1) > (u8 *)(long)ctx->data) return XDP_PASS; /* not a copy, but a unicast frame */")
    out.line("u32 index = *note;")
    if entry.paths.loops:
        out.line("struct slot *slot = find_slot(index);")
        out.line("if (!slot) return -DROP_LATE;")
    else:
        out.line("struct slot *slot = bpf_map_lookup_elem(&slots, &index);")
        out.line("if (!slot) return -DROP_NO_ROOM;")
    out.line("if (bpf_xdp_adjust_meta(ctx, 4)) return -DROP_NO_ROOM;")


def _cut(entry: Entry) -> None:
    if entry.paths.shortens:
        entry.out.line("if (cut(pkt, phv->path.shortened)) return -DROP_NO_ROOM;")


def _set_replica(entry: Entry) -> None:
    out = entry.out
    if not entry.seen:
        return
    out.line("u32 nth = 0;")
    out.line("if (port - 1 < MAX_PORTS) nth = slot->seen[port - 1]++;")
    group = "slot->group" if entry.paths.loops else "phv->sm.f_mcast_grp"
    out.line(f"struct replica replica = {{.group = {group}, .port = port - 1, .nth = nth}};")
    out.line("u32 *rid = bpf_map_lookup_elem(&replicas, &replica);")
    out.line("phv->sm.f_egress_rid = rid ? *rid & 0xffff : 0;")


def _now(entry: Entry) -> str:
    return "bpf_ktime_get_ns() / 1000"


def _begin_egress(entry: Entry) -> None:
    """The standard metadata with which a packet enters egress, `port` being the egress port + 1.

    There are no queues: they are empty, and nothing waits in them.
    """
    out = entry.out
    with out.block("INLINE void begin_egress(struct phv *phv, u32 port)"):
        out.line("phv->sm.f_egress_port = port - 1;")
        out.line("phv->sm.f_egress_spec = 0;")
        for name in entry.sets("egress_global_timestamp"):
            out.line(f"phv->sm.f_{name} = ({_now(entry)}) & 0xffffffffffffull;")
        for name in entry.sets("enq_timestamp"):
            out.line(f"phv->sm.f_{name} = (u32)({_now(entry)});")
        for name in entry.sets("enq_qdepth", "deq_timedelta", "deq_qdepth"):
            out.line(f"phv->sm.f_{name} = 0;")
        if entry.paths.length:
            out.line("phv->sm.f_packet_length = phv->path.length;")


def _run_egress(entry: Entry) -> None:
    """Egress, checksums and deparser with `port` (+1) as the egress port; drops return."""
    out = entry.out
    out.line("begin_egress(phv, port);")
    out.line("u32 reason = egress(pkt, phv);")
    out.line("if (reason) return -(int)reason;")
    out.line(f"if (phv->sm.f_egress_spec == {DROP_PORT}) return -DROP_PROGRAM;")
    out.line("reason = compute(pkt, phv);")
    out.line("if (!reason) reason = deparse(pkt, phv);")
    out.line("if (reason) return -(int)reason;")


def _finish(entry: Entry) -> None:
    """Unicast: egress inline, then out of the port."""
    out = entry.out
    with out.block("INLINE int unicast(struct packet *pkt, struct phv *phv, u32 egress_spec)"):
        out.line("u32 port = egress_spec + 1;")
        for name in entry.sets("instance_type"):
            out.line(f"phv->sm.f_{name} = 0;")
        _run_egress(entry)
        if entry.per_copy:
            out.line("drop_metadata(pkt->ctx);")
        _cut(entry)
        out.line("int action = bpf_redirect_map(&tx, egress_spec, XDP_DROP);")
        out.line("return likely(action == XDP_REDIRECT) ? action : -DROP_NO_PORT;")


def _ingress_program(entry: Entry) -> None:
    out = entry.out
    with out.block("INLINE int process(struct xdp_md *ctx)"):
        _take_port(entry)
        out.line("struct packet packet = {.ctx = ctx}, *pkt = &packet;")
        out.line("load_bounds(pkt);")
        out.line("if (LEAD_BYTES && pkt->data > pkt->end) return -DROP_NO_ROOM;")
        out.line("pkt->length = distance(pkt->data, pkt->end);")
        _phv(entry, _INGRESS_PHV, "return -DROP_NO_ROOM;")
        _begin_ingress(entry)
        out.line("u32 reason = parse(pkt, phv);")
        if entry.facts.pipeline.verify.body:
            out.line("if (!reason) reason = verify(pkt, phv);")
        out.line("if (!reason) reason = ingress(pkt, phv);")
        out.line("if (unlikely(reason)) return -(int)reason;")
        if entry.paths.loops:
            out.line("int action = finish_ingress(pkt, phv);")
            out.line("return action ? action : leave(pkt, phv, phv->sm.f_egress_spec + 1, 0);")
        else:
            out.line("if (phv->sm.f_mcast_grp) return multicast(pkt, phv, phv->sm.f_mcast_grp);")
            out.line(f"if (phv->sm.f_egress_spec == {DROP_PORT}) return -DROP_PROGRAM;")
            out.line("return unicast(pkt, phv, phv->sm.f_egress_spec);")
    _program(entry, "xdp", INGRESS_PROGRAM, "process")


def _take_port(entry: Entry) -> None:
    """The ingress port (+1), and whether the packet begins again: then it has no port, as on BMv2."""
    out = entry.out
    if entry.paths.begins_again:
        out.line("u32 first = 0;")
        out.line("struct again *again = bpf_map_lookup_elem(&agains, &first);")
        out.line("if (!again) return -DROP_NO_ROOM;")
        out.line("u32 type = again->type;")
        out.line("again->type = 0;")
        out.line("u32 port = type ? 1 : port_of(ctx->ingress_ifindex);")
    else:
        out.line("u32 port = port_of(ctx->ingress_ifindex);")
    out.line("if (unlikely(!port)) return -DROP_NOT_A_PORT;")


def _begin_ingress(entry: Entry) -> None:
    """The metadata with which a packet enters the parser."""
    out, again = entry.out, entry.paths.begins_again
    out.line("phv->sm.f_ingress_port = port - 1;")
    for name in entry.sets("packet_length"):
        out.line(f"phv->sm.f_{name} = pkt->length;")
    if entry.paths.length:
        out.line("phv->path.length = pkt->length;")
    for name in entry.sets("ingress_global_timestamp"):
        out.line(f"{'if (!type) ' if again else ''}phv->sm.f_{name} = ({_now(entry)}) & 0xffffffffffffull;")
    if again:
        with out.block("if (type)"):
            out.line("copy_words((u64 *)&phv->meta, (u64 *)&again->kept, (sizeof(phv->meta) + 7) / 8);")
            out.line("phv->path.pool = again->pool;")
            out.line("phv->path.turns = again->turns;")
            out.line("SET_instance_type(phv, type);")
