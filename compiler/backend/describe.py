"""The manifest of a generated program: what the running switch has to know of its maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rackplane.compiler import ir
from rackplane.compiler.backend import digests, entrypoints, externs, meters, profileplan, registers, valuesetplan
from rackplane.compiler.backend.access import storage_size
from rackplane.compiler.backend.program import Program
from rackplane.compiler.backend.tableplan import MAX_MASK_GROUPS, TablePlan, plan_table
from rackplane.compiler.ids import Ids, Prefix, field_ids
from rackplane.compiler.manifest import (
    MANIFEST_VERSION,
    BucketMaps,
    ConstEntry,
    CounterLayout,
    DigestLayout,
    Manifest,
    MeterLayout,
    PacketHeader,
    ProfileLayout,
    RegisterLayout,
    SwitchMaps,
    TableKind,
    TableLayout,
    TernaryMaps,
    TrieMaps,
    ValueSetLayout,
)

# A program may have 64 maps, and a table in shared memory takes two, one of the kernel's takes one.
MAX_SHARED = 16


@dataclass(frozen=True)
class Described:
    """A pipeline with its tables planned and its objects numbered."""

    pipeline: ir.Pipeline
    plans: dict[str, TablePlan]
    ids: Ids


def plan(pipeline: ir.Pipeline, ids: Ids, shared: int = MAX_SHARED) -> dict[str, TablePlan]:
    """Plan every table, by its key in Pipeline.tables; the first `shared` that can be are in shared memory."""
    actions = ids[Prefix.ACTION]
    plans = {}
    for n, (name, table) in enumerate(pipeline.tables.items()):
        found = plan_table(pipeline, n, table, actions)
        if in_shared_memory(found):
            found = replace(found, shared=shared > 0)
            shared -= 1
        plans[name] = found
    return plans


def in_shared_memory(plan: TablePlan) -> bool:
    """Whether a table is in two maps that the switch writes without system calls."""
    return plan.trie is not None or plan.buckets is not None


def manifest(described: Described, program: Program) -> Manifest:
    """Everything about a generated program that the switch reads."""
    pipeline = described.pipeline
    headers = {c.name: c for c in pipeline.controller_headers}
    return Manifest(
        version=MANIFEST_VERSION,
        source=pipeline.source.rsplit("/", 1)[-1],
        ingress_program=entrypoints.INGRESS_PROGRAM,
        egress_program=entrypoints.EGRESS_PROGRAM if program.copies_in_devmap else "",
        cpu_port=entrypoints.CPU_PORT,
        drop_port=externs.DROP_PORT,
        maps=_switch_maps(program),
        tables=tuple(_table(described, p) for p in described.plans.values()),
        registers=tuple(
            _register(described, n, r, name in program.locked_registers)
            for n, (name, r) in enumerate(pipeline.registers.items())
        ),
        counters=tuple(_counters(described)),
        digests=tuple(_digest(described, d) for d in pipeline.digests.values()),
        digest_maps=digests.MAPS if pipeline.digests else None,
        meters=tuple(_meters(described)),
        profiles=tuple(_profiles(described)),
        value_sets=tuple(_value_sets(described)),
        packet_in=_packet_header(headers.get("packet_in")),
        packet_out=_packet_header(headers.get("packet_out")),
        register_program=registers.PROGRAM if program.request_words else "",
        register_words=program.request_words,
        loop_program=entrypoints.LOOP_PROGRAM if program.paths.loops else "",
    )


def _switch_maps(program: Program) -> SwitchMaps:
    limits = program.limits
    return SwitchMaps(
        ports=".bss.ports",
        tx="tx",
        groups="groups",
        replicas="replicas" if program.replica_ids or program.paths.egress_branches else "",
        drops="drops",
        reasons=entrypoints.REASONS,
        max_ifindex=limits.max_ifindex,
        max_ports=limits.max_ports,
        max_groups=limits.max_groups,
        max_replicas=limits.max_replicas,
        fans="fans" if program.paths.loops else "",
        stages="stages" if program.paths.loops else "",
        copies_loop=program.paths.egress_branches,
    )


def _table(described: Described, plan: TablePlan) -> TableLayout:
    table = plan.table
    ternary = plan.kind is TableKind.TERNARY
    return TableLayout(
        id=described.ids[Prefix.TABLE][table.name],
        name=table.name,
        kind=plan.kind,
        map=plan.map,
        default_map=plan.default_map,
        default_index=plan.position,
        size=plan.size,
        key_size=plan.key_size,
        value_size=plan.value_size,
        keys=plan.keys,
        actions=plan.actions,
        default=(plan.default_action, table.default.arguments),
        const_default=table.const_default,
        ternary=TernaryMaps(f"{plan.name}_masks", f"{plan.name}_active", MAX_MASK_GROUPS) if ternary else None,
        entries=tuple(_entry(plan, e) for e in table.entries),
        direct_counter=plan.counter_map,
        hits=plan.hits_map,
        direct_meter=_direct_meter(described, plan),
        trie=TrieMaps(f"{plan.name}_values", plan.trie.root_bits) if plan.trie else None,
        buckets=_buckets(plan),
        action_profile=_profile_id(described, table.implementation) if table.implementation else 0,
    )


def _buckets(plan: TablePlan) -> BucketMaps | None:
    found = plan.buckets
    return BucketMaps(f"{plan.name}_values", found.buckets, found.slots) if found else None


def _entry(plan: TablePlan, entry: ir.Entry) -> ConstEntry:
    matches = []
    for position, field in zip(plan.order, plan.keys, strict=True):
        element = entry.elements[position]
        match element:
            case ir.Interval():
                matches.append((element.low, element.high))
            case ir.Lpm():
                matches.append((element.value, element.prefix_len))
            case ir.Masked():
                matches.append((element.value, 0 if field.kind == "exact" else element.mask))
    index = plan.action_index(entry.call.action)
    return ConstEntry(tuple(matches), index, entry.call.arguments, entry.priority, entry.const)


def _register(described: Described, position: int, register: ir.Register, locked: bool) -> RegisterLayout:
    return RegisterLayout(
        id=described.ids[Prefix.REGISTER][register.name],
        name=register.name,
        map=f".bss.r{position}",
        width=register.type.width,
        signed=register.type.signed,
        size=register.size,
        element_size=storage_size(register.type.width),
        locked=locked,
    )


def _counters(described: Described) -> list[CounterLayout]:
    out = []
    # A table without keys has no entries, so its direct counter has no cells.
    direct = {p.table.direct_counter: p for p in described.plans.values() if p.counter_map}
    for n, (key, counter) in enumerate(described.pipeline.counters.items()):
        unit = counter.unit.name.lower()
        if counter.table is None:
            number = described.ids[Prefix.COUNTER][counter.name]
            out.append(CounterLayout(number, counter.name, f"c{n}", unit, counter.size))
        elif key in direct:
            plan = direct[key]
            number = described.ids[Prefix.DIRECT_COUNTER][counter.name]
            table = described.ids[Prefix.TABLE][plan.table.name]
            out.append(CounterLayout(number, counter.name, plan.counter_map, unit, 0, table))
    return out


def _digest(described: Described, digest: ir.Digest) -> DigestLayout:
    leaves = digests.fields(list(digests.leaf_types(digest.type)))
    number = described.ids[Prefix.DIGEST][digest.name]
    return DigestLayout(number, digest.name, digests.record_size(leaves), leaves)


def _direct_meter(described: Described, plan: TablePlan) -> int:
    if not plan.meter_map or not plan.table.direct_meter:
        return 0
    return described.ids[Prefix.DIRECT_METER][described.pipeline.meters[plan.table.direct_meter].name]


def _meters(described: Described) -> Iterator[MeterLayout]:
    pipeline, ids = described.pipeline, described.ids
    for key, meter in pipeline.meters.items():
        if meter.table is None:
            name = meters.meter_map(pipeline, key)
            number = ids[Prefix.METER][meter.name]
            yield MeterLayout(number, meter.name, name, f"{name}_marks", meter.unit.name.lower(), meter.size)
    for plan in described.plans.values():
        if plan.meter_map and plan.table.direct_meter:
            meter, name = pipeline.meters[plan.table.direct_meter], plan.meter_map
            table, number = ids[Prefix.TABLE][plan.table.name], _direct_meter(described, plan)
            yield MeterLayout(number, meter.name, name, f"{name}_marks", meter.unit.name.lower(), 0, table)


def _profile_id(described: Described, key: str) -> int:
    return described.ids[Prefix.ACTION_PROFILE][described.pipeline.action_profiles[key].name]


def _profiles(described: Described) -> Iterator[ProfileLayout]:
    for key, each in profileplan.plan(described.pipeline, described.plans).items():
        section = f".bss.{each.name}"
        selector = each.profile.selector
        yield ProfileLayout(
            id=_profile_id(described, key),
            name=each.profile.name,
            size=each.size,
            selector=selector,
            actions=each.tables[0].actions,
            value_size=each.value_size,
            slots=each.slots,
            choice_slots=each.choices,
            members=f"{section}m",
            values=f"{section}v",
            groups=f"{section}g" if selector else "",
            choices=f"{section}c" if selector else "",
        )


def _value_sets(described: Described) -> Iterator[ValueSetLayout]:
    for each in valuesetplan.plan(described.pipeline).values():
        yield ValueSetLayout(
            id=described.ids[Prefix.VALUE_SET][each.value_set.name],
            name=each.value_set.name,
            size=each.size,
            words=each.words,
            fields=each.fields,
            active=f".bss.{each.name}a",
            map=each.name if each.hashed else "",
            members="" if each.hashed else f".bss.{each.name}m",
        )


def _packet_header(found: ir.ControllerHeader | None) -> PacketHeader | None:
    if found is None:
        return None
    numbers = field_ids([f.annotations for f in found.fields])
    return PacketHeader(found.name, tuple((n, f.name, f.width) for n, f in zip(numbers, found.fields, strict=True)))
