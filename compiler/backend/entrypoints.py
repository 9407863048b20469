"""The two XDP programs: ingress with the traffic manager, and egress per copy of a multicast packet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rackplane.compiler import ir
from rackplane.compiler.backend.context import Facts
from rackplane.compiler.backend.ctext import CWriter
from rackplane.compiler.backend.externs import DROP_PORT
from rackplane.compiler.backend.parser import place_name, tracked
from rackplane.compiler.backend.structure import Structure
from rackplane.compiler.backend.usage import standard_fields

INGRESS_PROGRAM = "rackplane_in"
EGRESS_PROGRAM = "rackplane_out"
ENTRY_POINTS = (INGRESS_PROGRAM, EGRESS_PROGRAM)
CPU_PORT = 510
REPLICATION = 5
SLOTS = 512
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
)


@dataclass(frozen=True)
class Limits:
    """Sizes of the maps that every program has, and the bytes in front of a packet that are no part of it."""

    max_ifindex: int = 65536
    max_ports: int = 512
    max_groups: int = 4096
    max_replicas: int = 512
    lead_bytes: int = 0

    def macros(self) -> dict[str, int]:
        """The C macros."""
        return {
            "MAX_IFINDEX": self.max_ifindex,
            "MAX_PORTS": self.max_ports,
            "MAX_GROUPS": self.max_groups,
            "MAX_REPLICAS": self.max_replicas,
            "LEAD_BYTES": self.lead_bytes,
            "MAX_SLOTS": SLOTS,
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

    def sets(self, *names: str) -> list[str]:
        """Those of the standard metadata's members that the program uses."""
        used = standard_fields(self.facts.pipeline)
        return [n for n in names if n in used]


def standard_members(pipeline: ir.Pipeline) -> frozenset[str]:
    """The members of standard_metadata that the program or the switch around it uses."""
    return standard_fields(pipeline) | {"ingress_port", "egress_spec", "egress_port", "mcast_grp"}


def slot_members(structure: Structure, replica_ids: bool) -> list[str]:
    """The members of struct slot: what a multicast packet carries from ingress to egress."""
    members = ["struct phv phv;", "u32 length;", "u32 parsed;"]
    members += [f"u16 {place_name(path)};" for path in tracked(structure)]
    if replica_ids:
        members += ["u8 seen[MAX_PORTS] ALIGNED;"]
    return members


def write(entry: Entry) -> None:
    """The maps of the traffic manager and both programs."""
    _maps(entry)
    if entry.per_copy:
        _multicast_with_egress(entry)
        _egress_program(entry)
    else:
        _multicast_plain(entry)
    _finish(entry)
    _ingress_program(entry)
    entry.out.line('char _license[] SEC("license") = "Dual MIT/GPL";')


def _program(out: CWriter, section: str, name: str, body: str) -> None:
    """An XDP program; its body returns an XDP action, or a negative drop reason."""
    with out.block(f'SEC("{section}") int {name}(struct xdp_md *ctx)'):
        out.line(f"int action = {body}(ctx);")
        out.line("return action < 0 ? drop(-action) : action;")


def _maps(entry: Entry) -> None:
    out = entry.out
    if entry.in_map:
        out.line("DEFINE_MAP(phvs, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct phv, 2);")
    if entry.per_copy:
        out.line("struct cpu { u32 next_slot; };")
        out.line("DEFINE_MAP(cpus, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct cpu, 1);")
        out.line("DEFINE_MAP(slots, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct slot, MAX_SLOTS);")
    if entry.replica_ids:
        out.line("struct replica { u16 group; u16 port; u32 nth; };")
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
    out.line("clear_words((u64 *)&phv->meta, sizeof(phv->meta) / 8);" if large else _CLEAR.format("meta"))
    out.line(_CLEAR.format("sm"))


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
        _copy_phv(entry, _INGRESS_PHV, "&slot->phv", "phv")
        out.line("slot->length = pkt->length;")
        out.line("slot->parsed = pkt->parsed;")
        for path in tracked(entry.structure):
            name = place_name(path)
            out.line(f"slot->{name} = pkt->{name} ? distance(pkt->data, pkt->{name}) : 0xffff;")
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
        out.line("u32 *note = (u32 *)(long)ctx->data_meta;")
        out.line(
            "if ((u8 *)(note + 1) > (u8 *)(long)ctx->data) return XDP_PASS; /* not a copy, but a unicast frame */"
        )
        out.line("u32 index = *note;")
        out.line("struct slot *slot = bpf_map_lookup_elem(&slots, &index);")
        out.line("if (!slot) return -DROP_NO_ROOM;")
        out.line("u32 port = port_of(ctx->egress_ifindex);")
        out.line("if (!port) return -DROP_NOT_A_PORT;")
        out.line("if (bpf_xdp_adjust_meta(ctx, 4)) return -DROP_NO_ROOM;")
        out.line("struct packet packet = {.ctx = ctx}, *pkt = &packet;")
        out.line("load_bounds(pkt);")
        out.line("pkt->length = slot->length;")
        out.line("pkt->parsed = slot->parsed;")
        for path in tracked(entry.structure):
            name = place_name(path)
            out.line(f"u32 {name} = slot->{name};")
            out.line(f"pkt->{name} = {name} == 0xffff ? NULL : pkt->data + ({name} & 0x3fff);")
        _phv(entry, _EGRESS_PHV, "return -DROP_NO_ROOM;")
        _copy_phv(entry, _EGRESS_PHV, "phv", "&slot->phv")
        _set_replica(entry)
        _run_egress(entry)
        out.line("return XDP_PASS;")
    _program(out, "xdp/devmap", EGRESS_PROGRAM, "process_copy")


def _set_replica(entry: Entry) -> None:
    out = entry.out
    if not entry.replica_ids:
        return
    out.line("u32 nth = 0;")
    out.line("if (port - 1 < MAX_PORTS) nth = slot->seen[port - 1]++;")
    out.line("struct replica replica = {.group = phv->sm.f_mcast_grp, .port = port - 1, .nth = nth};")
    out.line("u32 *rid = bpf_map_lookup_elem(&replicas, &replica);")
    out.line("phv->sm.f_egress_rid = rid ? *rid : 0;")


def _now(entry: Entry) -> str:
    return "bpf_ktime_get_ns() / 1000"


def _run_egress(entry: Entry) -> None:
    """Egress, checksums and deparser with `port` (+1) as the egress port; drops return."""
    out = entry.out
    out.line("phv->sm.f_egress_port = port - 1;")
    out.line("phv->sm.f_egress_spec = 0;")
    for name in entry.sets("egress_global_timestamp"):
        out.line(f"phv->sm.f_{name} = ({_now(entry)}) & 0xffffffffffffull;")
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
        for name in entry.sets("enq_timestamp"):
            out.line(f"phv->sm.f_{name} = (u32)({_now(entry)});")
        _run_egress(entry)
        if entry.per_copy:
            out.line("drop_metadata(pkt->ctx);")
        out.line("int action = bpf_redirect_map(&tx, egress_spec, XDP_DROP);")
        out.line("return likely(action == XDP_REDIRECT) ? action : -DROP_NO_PORT;")


def _ingress_program(entry: Entry) -> None:
    out = entry.out
    with out.block("INLINE int process(struct xdp_md *ctx)"):
        out.line("u32 port = port_of(ctx->ingress_ifindex);")
        out.line("if (unlikely(!port)) return -DROP_NOT_A_PORT;")
        out.line("struct packet packet = {.ctx = ctx}, *pkt = &packet;")
        out.line("load_bounds(pkt);")
        out.line("if (LEAD_BYTES && pkt->data > pkt->end) return -DROP_NO_ROOM;")
        out.line("pkt->length = distance(pkt->data, pkt->end);")
        _phv(entry, _INGRESS_PHV, "return -DROP_NO_ROOM;")
        out.line("phv->sm.f_ingress_port = port - 1;")
        for name in entry.sets("packet_length"):
            out.line(f"phv->sm.f_{name} = pkt->length;")
        for name in entry.sets("ingress_global_timestamp"):
            out.line(f"phv->sm.f_{name} = ({_now(entry)}) & 0xffffffffffffull;")
        out.line("u32 reason = parse(pkt, phv);")
        if entry.facts.pipeline.verify.body:
            out.line("if (!reason) reason = verify(pkt, phv);")
        out.line("if (!reason) reason = ingress(pkt, phv);")
        out.line("if (unlikely(reason)) return -(int)reason;")
        out.line("if (phv->sm.f_mcast_grp) return multicast(pkt, phv, phv->sm.f_mcast_grp);")
        out.line(f"if (phv->sm.f_egress_spec == {DROP_PORT}) return -DROP_PROGRAM;")
        out.line("return unicast(pkt, phv, phv->sm.f_egress_spec);")
    _program(out, "xdp", INGRESS_PROGRAM, "process")
