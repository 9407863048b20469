"""What runtime/paths.h needs of a program: structures of packets that wait, and functions over its own headers."""

from __future__ import annotations

from rackplane.compiler.backend.context import Facts, Fx
from rackplane.compiler.backend.ctext import CWriter
from rackplane.compiler.backend.keep import write_keep
from rackplane.compiler.backend.parser import place_name, tracked
from rackplane.compiler.backend.paths import Paths
from rackplane.compiler.backend.structure import Structure
from rackplane.compiler.backend.usage import standard_fields
from rackplane.compiler.manifest import CLONE_GROUP, LOOP_AND_PORT, LOOP_GROUP, LOOP_REPLICA_PORT

# Copies of one poll are on their way at most; in the loop port many more packets can wait.
SLOTS = 512
LOOP_SLOTS = 2048
# How many passes a packet has, with all that is made of it: see take_passes() in runtime/paths.h.
PASSES = 1023
# After this many tail calls the packet waits in the loop port, so that other packets get their turn.
TAIL_CALLS = 16
MAX_POOLS = 4096
_SET = ("instance_type", "packet_length", "priority", "egress_rid")


def constants(paths: Paths) -> dict[str, int]:
    """The C macros of struct slot and of runtime/paths.h."""
    if not paths.loops:
        return {"MAX_SLOTS": SLOTS}
    return {
        "MAX_SLOTS": LOOP_SLOTS,
        "PASSES": PASSES,
        "TAIL_CALLS": TAIL_CALLS,
        "MAX_POOLS": MAX_POOLS,
        "CLONE_GROUP": CLONE_GROUP,
        "LOOP_GROUP": LOOP_GROUP,
        "LOOP_AND_PORT": LOOP_AND_PORT,
        "LOOP_REPLICA_PORT": LOOP_REPLICA_PORT,
    }


def path_structure(out: CWriter) -> None:
    """struct path: what a packet was asked to do, and what BMv2 keeps in packets outside of their metadata."""
    out.line("#define SESSION(number) (CLONE_GROUP | ((u32)(number) & 0x7fff))")
    with out.block("struct path", "};"):
        out.text("u32 clone;\nu8 clone_list;\nu8 again;\nu8 turns;\nu32 pool;\nu32 shortened;\nu32 length;")


def slot_members(paths: Paths, metadata: str) -> list[str]:
    """The members that struct slot has beside those of a plain multicast."""
    if not paths.loops:
        return []
    return [
        f"{metadata} kept ALIGNED;",
        "u32 ticket ALIGNED; u32 second; u32 group; u32 type; u32 port;",
        "u16 job; u16 taken; u16 nth; u16 priority; u32 base;",
    ]


def write_places(out: CWriter, structure: Structure) -> None:
    """put_places() and take_places(): where the parser found headers, to a slot and back."""
    with out.block("INLINE void put_places(struct slot *slot, struct packet *pkt)"):
        out.line("slot->length = pkt->length;")
        out.line("slot->parsed = pkt->parsed;")
        for path in tracked(structure):
            name = place_name(path)
            out.line(f"slot->{name} = pkt->{name} ? distance(pkt->data, pkt->{name}) : 0xffff;")
    with out.block("INLINE void take_places(struct packet *pkt, struct slot *slot)"):
        out.line("pkt->length = slot->length;")
        out.line("pkt->parsed = slot->parsed;")
        for path in tracked(structure):
            name = place_name(path)
            out.line(f"u32 {name} = slot->{name};")
            out.line(f"pkt->{name} = {name} == 0xffff ? NULL : pkt->data + ({name} & 0x3fff);")


def write_structures(facts: Facts, out: CWriter, seen: bool) -> None:
    """What paths.h is compiled with: structures, switches, and functions that name the program's own types."""
    metadata = facts.types.c_type(facts.pipeline.metadata)
    for name in facts.paths.macros():
        out.line(f"#define {name}")
    out.line("struct fan { u32 copies; u32 max_bytes; u16 priority; u16 base; u64 ports[MAX_PORTS / 64]; };")
    out.line(f"struct again {{ {metadata} kept ALIGNED; u32 type ALIGNED; u32 pool; u32 turns; }};")
    out.line("struct pool { u32 ticket; u32 left; };")
    used = standard_fields(facts.pipeline)
    for name in _SET:
        action = f"((phv)->sm.f_{name} = (value))" if name in used else "((void)(value))"
        out.line(f"#define SET_{name}(phv, value) {action}")
    invalid = " ".join(facts.types.invalidate("(phv)->hdr", facts.pipeline.headers))
    out.line(f"#define INVALIDATE(phv) do {{ {invalid} }} while (0)")
    start = "memset((slot)->seen, 0, sizeof((slot)->seen))" if seen else "((void)0)"
    out.line(f"#define START_REPLICAS(slot) {start}")
    write_keep(Fx(facts, out, "keep"))
