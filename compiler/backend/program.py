"""Puts the whole C program of a pipeline together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend import (
    crc,
    digests,
    entrypoints,
    loop,
    meters,
    profileplan,
    profiles,
    registers,
    tables,
    tracepoints,
    valuesetplan,
    valuesets,
)
from rackplane.compiler.backend.access import is_wide, storage_type, words
from rackplane.compiler.backend.atomicity import HelperTest, find_spans
from rackplane.compiler.backend.blocks import Blocks
from rackplane.compiler.backend.context import PHV_MEMBERS, Facts, local_name
from rackplane.compiler.backend.ctext import CWriter, identifier, runtime
from rackplane.compiler.backend.entrypoints import ENTRY_POINTS, DropReason, Limits, standard_members
from rackplane.compiler.backend.instrument import instrument
from rackplane.compiler.backend.layout import TypeTable
from rackplane.compiler.backend.parser import back_edges, place_name, tracked
from rackplane.compiler.backend.paths import Paths, find_paths
from rackplane.compiler.backend.structure import Structure, analyse, with_all_used
from rackplane.compiler.backend.tableplan import TablePlan
from rackplane.compiler.backend.tracesites import TraceSites
from rackplane.compiler.backend.usage import egress_per_copy, reads_egress_rid
from rackplane.compiler.errors import CompileErrors

STACK_BUDGET = 320
DEFAULT_LIMITS = Limits()
_STATE_MAP = "DEFINE_MAP(phvs,"
_WIDE = re.compile(r"\bstruct w(\d+)\b")


@dataclass(frozen=True)
class Program:
    """Generated C, and what is known about it."""

    text: str
    in_map: frozenset[str]
    per_copy_egress: bool
    replica_ids: bool
    paths: Paths
    limits: Limits
    locked_registers: frozenset[str]
    request_words: int
    trace: TraceSites | None = None

    @property
    def copies_in_devmap(self) -> bool:
        """Whether a program on the way out runs for each copy."""
        return self.per_copy_egress and not self.paths.egress_branches


@dataclass(frozen=True)
class Tracing:
    """What a traced program has in common with the plain one: whether a packet's state in a map holds the variables
    that are no numbers, which the plain one keeps there if its state is in a map.
    """

    spill: bool


def spills(text: str) -> bool:
    """Whether a generated program keeps its packet's state in a map, and with it variables that are no numbers."""
    return _STATE_MAP in text


def first_choice(pipeline: ir.Pipeline) -> frozenset[str]:
    """The entry points that keep their packet's state in a map: all, when it probably does not fit the stack.

    The verifier tells apart what each byte of the stack is, but not in maps. So programs with loops in their parser
    or with varbits, which can leave the stack in many states, are better off there too. Packets that go on over the
    loop port leave their state in a map anyway.
    """
    types = TypeTable()
    size = types.size_of(pipeline.headers) + types.size_of(pipeline.metadata)
    varbits = any(layout.varbit for layout in types.layouts.values())
    in_map = size > STACK_BUDGET or varbits or bool(back_edges(pipeline.parser)) or find_paths(pipeline).loops
    return frozenset(ENTRY_POINTS) if in_map else frozenset()


def generate(
    pipeline: ir.Pipeline,
    plans: dict[str, TablePlan],
    in_map: frozenset[str],
    limits: Limits = DEFAULT_LIMITS,
    tracing: Tracing | None = None,
) -> Program:
    """The C program of a pipeline; `in_map` are the entry points that keep their packet's state in a per-CPU map.

    With `tracing` it works on the same maps as the plain program, and also reports what packets meet.

    Raises:
        CompileErrors: with every construct that the target has no code for.
    """
    free = frozenset(name for name, plan in plans.items() if tables.only_default_lookup(plan))
    spans = find_spans(pipeline, HelperTest(free))
    pipeline = spans.pipeline
    paths = find_paths(pipeline)
    spilled = _spilled(pipeline) if (tracing.spill if tracing else in_map) else {}
    facts = Facts(pipeline, spilled=spilled, in_map=bool(in_map), paths=paths)
    facts.profiles = profileplan.plan(pipeline, plans)
    facts.value_sets = valuesetplan.plan(pipeline)
    facts.types.shorten(pipeline.standard_metadata, standard_members(pipeline))
    structure = analyse(pipeline)
    per_copy = egress_per_copy(pipeline) or paths.loops
    rid = reads_egress_rid(pipeline)
    if tracing:
        structure = with_all_used(structure, pipeline)
        facts.pipeline, facts.trace = instrument(pipeline, facts.types)
    body = CWriter()
    functions = Blocks(facts, body, structure, plans, spans.locks)
    functions.write()
    entrypoints.write(entrypoints.Entry(facts, body, structure, per_copy, rid, in_map))
    if facts.diagnostics:
        raise CompileErrors(facts.diagnostics)
    registers.write(facts, body, spans)
    members = [facts.types.c_type(t) for t in (pipeline.headers, pipeline.metadata, pipeline.standard_metadata)]
    out = CWriter()
    _head(out, facts, limits, _wide(facts, body))
    _data(out, facts, structure, members, _slot(facts, structure, rid) if per_copy else [])
    _maps(out, facts, plans)
    out.lines += body.lines
    request = registers.request_words(facts, spans)
    return Program(out.render(), in_map, per_copy, rid, paths, limits, spans.guarded, request, facts.trace)


def _slot(facts: Facts, structure: Structure, rid: bool) -> list[str]:
    return entrypoints.slot_members(facts, structure, rid and not facts.paths.egress_branches)


def _spilled(pipeline: ir.Pipeline) -> dict[str, ir.Type]:
    """The local variables that are not numbers."""
    locals_ = (var for group in pipeline.variables.values() for var in group)
    return {v.name: v.type for v in locals_ if v.name not in PHV_MEMBERS and not isinstance(v.type, ir.Bits)}


def _wide(facts: Facts, body: CWriter) -> set[int]:
    """How many words the wide numbers of the program have."""
    text = "\n".join([*facts.types.definitions, *(line for line, _ in body.lines)])
    kinds = (register.type.width for register in facts.pipeline.registers.values())
    return {int(n) for n in _WIDE.findall(text)} | {words(width) for width in kinds if is_wide(width)}


def _head(out: CWriter, facts: Facts, limits: Limits, wide: set[int]) -> None:
    out.text(f"/* {identifier(facts.pipeline.source.rsplit('/', 1)[-1])}: P4 compiled to XDP by rackplane. */")
    for name in ("crc32", "crc16"):
        if name in facts.features:
            table = crc.TABLES[name]()
            out.text(f"#define NEED_{name.upper()}\n#define {name.upper()}_TABLE {', '.join(map(hex, table))}")
    if "payload" in facts.features:
        out.text("#define NEED_PAYLOAD")
    for key, value in (limits.macros() | loop.constants(facts.paths)).items():
        out.text(f"#define {key} {value}")
    out.text("\n".join(f"#define {r.macro} {r.value}" for r in DropReason))
    out.text(runtime("rackplane.h"))
    out.text(runtime("hashes.h"))
    if wide:
        out.text(runtime("wide.h"))
    out.text("\n".join(f"DEFINE_WIDE({n})" for n in sorted(wide)))


def _objects(out: CWriter, facts: Facts) -> None:
    """What the program's digests, value sets, profiles and meters need."""
    if facts.pipeline.digests:
        out.text(digests.maps(len(facts.pipeline.digests)))
        out.text(runtime("digests.h"))
    if facts.value_sets:
        out.text(runtime("valuesets.h"))
        out.text("\n".join(line for each in facts.value_sets.values() for line in valuesets.definitions(each)))
    if facts.profiles:
        out.text(runtime("profiles.h"))
        out.text("\n".join(profiles.definitions(facts.profiles)))
    if facts.pipeline.meters:
        out.text(runtime("meters.h"))


def _data(out: CWriter, facts: Facts, structure: Structure, members: list[str], slot: list[str]) -> None:
    for definition in facts.types.definitions:
        out.text(definition)
    if facts.paths.any:
        loop.path_structure(out)
    with out.block("struct phv", "} ALIGNED;"):
        for name, c_type in zip(("hdr", "meta", "sm"), members, strict=True):
            out.line(f"{c_type} {name} ALIGNED;")
        if facts.paths.any:
            out.line("struct path path ALIGNED;")
        for name, kind in facts.spilled.items():
            out.line(f"{facts.types.c_type(kind)} {local_name(name)};")
    with out.block("struct packet", "};"):
        out.text("struct xdp_md *ctx;\nu8 *data;\nu8 *end;\nu32 length;\nu32 parsed;")
        for path in tracked(structure):
            out.line(f"u8 *{place_name(path)};")
    out.text(runtime("switch.h"))
    for name in ("shared.h", "trie.h", "buckets.h"):
        out.text(runtime(name))
    if facts.paths.shortens:
        out.text(runtime("shorten.h"))
    if any(f.startswith("lock_") for f in facts.features):
        out.text(runtime("locks.h"))
        out.text(runtime("registers.h"))
    _objects(out, facts)
    tracepoints.runtime_text(out, facts.trace)
    if slot:
        with out.block("struct slot", "};"):
            out.text("\n".join(slot))


def _maps(out: CWriter, facts: Facts, plans: dict[str, TablePlan]) -> None:
    pipeline = facts.pipeline
    for definition in tables.defaults(plans.values()):
        out.text(definition)
    for plan in plans.values():
        for definition in tables.maps(plan):
            out.text(definition)
        if plan.counter_map:
            out.text(counter_map(plan.counter_map, plan.size + 1))
    for n, register in enumerate(pipeline.registers.values()):
        out.text(f'{storage_type(register.type.width)} r{n}[{max(1, register.size)}] SEC(".bss.r{n}");')
    for n, counter in enumerate(pipeline.counters.values()):
        if counter.table is None:
            out.text(counter_map(f"c{n}", counter.size))
    for definition in meters.maps(pipeline, plans.values()):
        out.text(definition)


def counter_map(name: str, size: int) -> str:
    """The definition of a counter's map."""
    return f"DEFINE_MAP({name}, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct counter, {max(1, size)});"
