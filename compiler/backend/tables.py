"""Tables in C: their maps, and what apply() becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend import meters, profiles
from rackplane.compiler.backend.access import mask, matches, number, storage_type, value_type, within, write_bits
from rackplane.compiler.backend.context import Fx, local_name
from rackplane.compiler.backend.exprs import expr, named
from rackplane.compiler.backend.places import locate, write
from rackplane.compiler.backend.tableplan import MAX_MASK_GROUPS, TablePlan
from rackplane.compiler.manifest import ParamField, TableKind

EmitBody = Callable[[Fx, tuple[ir.Stmt, ...]], None]
_LPM_HEAD = 4
_LARGE = 65536
_MANY_ENTRIES = 8


def maps(plan: TablePlan) -> Iterator[str]:
    """The definitions of the maps that a table lives in, and its initial default action."""
    yield from _entry_maps(plan)
    if plan.hits_map:
        yield f'u64 {plan.name}_hits[{plan.size + 1}] SEC("{plan.hits_map}");'
    if plan.kind is not TableKind.CODE:
        value = plan.initial_value()
        words = [int.from_bytes(value[n : n + 8], "little") for n in range(0, len(value), 8)]
        yield f"const u64 {plan.name}_initial[{len(words)}] = {{{', '.join(f'{w:#x}ull' for w in words)}}};"


def defaults(plans: Iterable[TablePlan]) -> Iterator[str]:
    """The map of the default actions of all tables: a program may have 64 maps, too few for one each."""
    found = [plan for plan in plans if plan.default_map]
    if found:
        size = max(plan.value_size for plan in found)
        yield f"struct default_action {{ u8 b[{size}]; }};"
        count = max(plan.position for plan in found) + 1
        yield f"DEFINE_MAP({found[0].default_map}, BPF_MAP_TYPE_ARRAY, 0, u32, struct default_action, {count});"


def _entry_maps(plan: TablePlan) -> Iterator[str]:
    yield f"struct {plan.name}_value {{ u8 b[{plan.entry_size}]; }};"
    name, size = plan.name, plan.size
    flags = "BPF_F_NO_PREALLOC" if plan.kind is TableKind.LPM or size > _LARGE else "0"
    if plan.buckets:
        buckets, words = plan.buckets, plan.key_size // 4
        yield f"struct {name}_key {{ u32 w[{words}]; }};"
        yield f"struct {name}_line {{ u64 w[{buckets.line_bytes // 8}]; }};"
        yield f"DEFINE_MAP({name}, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, u32, struct {name}_line, {buckets.lines});"
        values = f"struct {name}_value, {buckets.values}"
        yield f"DEFINE_MAP({name}_values, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, u32, {values});"
        yield f"DEFINE_BUCKETS({name}, {words}, {buckets.slots}, {buckets.buckets}u, {plan.entry_size // 8});"
    elif plan.kind is TableKind.HASH:
        yield f"struct {name}_key {{ u8 b[{plan.key_size}]; }};"
        yield f"DEFINE_MAP({name}, BPF_MAP_TYPE_HASH, {flags}, struct {name}_key, struct {name}_value, {size});"
    elif plan.trie:
        trie, words = plan.trie, -(-plan.key_size // 8)
        yield f"struct {name}_key {{ u64 w[{words}]; }};"
        yield f"DEFINE_MAP({name}, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, u32, struct line, {trie.lines});"
        values = f"struct {name}_value, {trie.values}"
        yield f"DEFINE_MAP({name}_values, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, u32, {values});"
        yield f"DEFINE_TRIE({name}, {words}, {trie.root_bits}, {trie.levels}, {plan.entry_size // 8});"
    elif plan.kind is TableKind.LPM:
        yield f"struct {name}_key {{ u32 prefix_len; u8 b[{plan.key_size}]; }};"
        yield f"DEFINE_MAP({name}, BPF_MAP_TYPE_LPM_TRIE, {flags}, struct {name}_key, struct {name}_value, {size});"
    elif plan.kind is TableKind.TERNARY:
        yield f"struct {name}_key {{ u32 group; u8 b[{plan.key_size}]; }};"
        yield f"struct {name}_entry {{ s32 priority; struct {name}_value value; }};"
        yield f"struct {name}_mask {{ s32 max_priority; u32 entries; u8 b[{plan.key_size}]; }};"
        yield f"DEFINE_MAP({name}, BPF_MAP_TYPE_HASH, {flags}, struct {name}_key, struct {name}_entry, {size});"
        masks = f"struct {name}_mask, {2 * MAX_MASK_GROUPS}"
        yield f"DEFINE_MAP({name}_masks, BPF_MAP_TYPE_ARRAY, 0, u32, {masks});"
        yield f"DEFINE_MAP({name}_active, BPF_MAP_TYPE_ARRAY, 0, u32, struct mask_groups, 1);"
        yield f"DEFINE_MATCH({name}, {plan.key_size // 4}, {plan.entry_size // 4}, {MAX_MASK_GROUPS});"


@dataclass(frozen=True)
class _Apply:
    """One apply(): the table's plan, the statement, and how to write an action's body."""

    plan: TablePlan
    stmt: ir.ApplyTable
    body: EmitBody


def apply(fx: Fx, plan: TablePlan, stmt: ir.ApplyTable, body: EmitBody) -> None:
    """Statements for table.apply(): look up, run the action, and report hit and action."""
    job = _Apply(plan, stmt, body)
    with fx.out.block():
        if plan.kind is TableKind.CODE:
            _apply_code(fx, job)
        else:
            _apply_map(fx, job)


def _report(fx: Fx, target: ir.Var | None, value: str) -> None:
    if target is not None:
        write(fx, locate(fx, target, expr), value)


# Tables in maps


def _apply_map(fx: Fx, job: _Apply) -> None:
    plan = job.plan
    _look_up(fx, plan)
    _report(fx, job.stmt.hit, "value != NULL")
    if plan.has_handles or plan.table.implementation:
        with fx.out.block("if (value)", "} else {"):
            _direct_resources(fx, plan, "VALUE(value, u32, 4)")
            if plan.table.implementation:
                profiles.resolve(fx, plan)
    else:
        fx.out.line("if (!value) {")
    fx.out.indent += 1
    if plan.default_map:
        _load_default(fx, plan, "value")
        fx.out.line(f"if (!value || !VALUE(value, u32, 0)) value = (const u8 *){plan.name}_initial;")
    else:
        fx.out.line(f"value = (const u8 *){plan.name}_initial;")
    fx.out.indent -= 1
    fx.out.line("}")
    fx.out.line("const u32 action = VALUE(value, u32, 0);")
    _report(fx, job.stmt.action, "action - 1")
    _switch(fx, job, lambda n, p: f"VALUE(value, {storage_type(p.width)}, {p.offset})")


def _direct_resources(fx: Fx, plan: TablePlan, handle: str) -> None:
    """What every hit does, whichever action follows."""
    if plan.counter_map:
        fx.out.line(f"count(&{plan.counter_map}, {handle}, pkt->length);")
    if plan.meter_map:
        meters.execute_direct(fx, plan, handle)
    if plan.hits_map:
        fx.out.line(f"TOUCH({plan.name}_hits, {handle}, {plan.size + 1});")


def only_default_lookup(plan: TablePlan) -> bool:
    """Whether apply() looks nothing up but the default action, which can be done beforehand."""
    return plan.kind in (TableKind.CODE, TableKind.KEYLESS) and not plan.has_handles


def hoist_default(fx: Fx, plan: TablePlan) -> None:
    """Look up the default action in front of a span that must not call helpers."""
    if plan.default_map:
        fx.out.line(f"const u8 *{plan.name}_hoisted;")
        _load_default(fx, plan, f"{plan.name}_hoisted")
        fx.hoisted.add(plan.name)


def _load_default(fx: Fx, plan: TablePlan, target: str) -> None:
    if plan.name in fx.hoisted:
        fx.out.line(f"{target} = {plan.name}_hoisted;")
        return
    with fx.out.block():
        fx.out.line(f"u32 which = {plan.position};")
        fx.out.line(f"{target} = bpf_map_lookup_elem(&{plan.default_map}, &which);")


def _look_up(fx: Fx, plan: TablePlan) -> None:
    if plan.kind is TableKind.KEYLESS:
        fx.out.line("const u8 *value = NULL;")
        return
    head = 0 if plan.kind is TableKind.HASH or plan.trie else _LPM_HEAD
    size = -(-plan.key_size // 8) * 8 if plan.trie else head + plan.key_size
    _build_key(fx, plan, head, size)
    if plan.copies_value:
        fx.out.line(f"struct {plan.name}_value copy ALIGNED = {{}};")
        call = f"{plan.name}_match((struct {plan.name}_key *)key, &copy)"
        fx.out.line(f"const u8 *value = {call} ? (const u8 *)&copy : NULL;")
        return
    if plan.kind is TableKind.LPM:
        fx.out.line(f"*(u32 *)key = {8 * plan.key_size};")
    fx.out.line(f"const u8 *value = bpf_map_lookup_elem(&{plan.name}, key);")


def _build_key(fx: Fx, plan: TablePlan, head: int, size: int) -> None:
    fx.out.line(f"u8 key[{size}] ALIGNED = {{}};")
    for position, field in zip(plan.order, plan.keys, strict=True):
        value = named(fx, plan.table.keys[position].expression)
        for statement in write_bits("key", size, 8 * (head + field.offset), 8 * field.size, value):
            fx.out.line(statement)


def _switch(fx: Fx, job: _Apply, argument: Callable[[int, ParamField], str]) -> None:
    plan = job.plan
    actions = fx.facts.pipeline.actions
    with fx.out.block("switch (action)"):
        for n, ref in enumerate(plan.table.actions):
            action = actions[ref.name]
            if not action.body:
                continue
            with fx.out.block(f"case {n + 1}:", "} break;"):
                for position, (param, layout) in enumerate(zip(action.params, plan.actions[n].params, strict=True)):
                    c_type = storage_type(layout.width)
                    fx.out.line(f"{c_type} {local_name(param.var.name)} = {argument(position, layout)};")
                job.body(fx, action.body)


# Constant entries as code


def _apply_code(fx: Fx, job: _Apply) -> None:
    plan, out = job.plan, fx.out
    keys = [named(fx, plan.table.keys[position].expression) for position in plan.order]
    out.line("u32 action = 0;")
    if plan.has_handles:
        out.line("u32 handle = 0;")
    for n, width in enumerate(_slots(plan)):
        out.line(f"{value_type(width)} a{n} = {number(0, width)};")
    _match_entries(fx, plan, keys)
    _report(fx, job.stmt.hit, "action != 0")
    if plan.has_handles:
        with out.block("if (action)"):
            _direct_resources(fx, plan, "handle")
    with out.block("if (!action)"):
        _default_of_code(fx, plan)
    if len(plan.table.entries) > _MANY_ENTRIES:
        fx.facts.features.add("forget")
        for name in ["action", *(f"a{n}" for n, w in enumerate(_slots(plan)) if w <= 64)]:
            out.line(f"FORGET({name});")
    _report(fx, job.stmt.action, "action - 1")
    _switch(fx, job, lambda n, p: f"a{n}")


def _slots(plan: TablePlan) -> list[int]:
    """The width of each argument slot: actions share slots by position."""
    count = max((len(a.params) for a in plan.actions), default=0)
    return [max(a.params[n].width for a in plan.actions if n < len(a.params)) for n in range(count)]


def _match_entries(fx: Fx, plan: TablePlan, keys: list[str]) -> None:
    entries = sorted(plan.table.entries, key=lambda e: _rank(plan, e), reverse=True)
    total = sum(f.width for f in plan.keys)
    exact = all(f.kind == "exact" for f in plan.keys)
    if exact and total <= 64 and len(entries) > 2:
        with fx.out.block(f"switch ({_joined(plan, keys)})"):
            for entry in {_joined_value(plan, e): e for e in reversed(entries)}.values():
                with fx.out.at(entry.span), fx.out.block(f"case {_joined_value(plan, entry):#x}ull:", "} break;"):
                    _choose_entry(fx, plan, entry)
        return
    otherwise = ""
    for entry in entries:
        tests = [t for n, key in zip(plan.order, keys, strict=True) for t in _tests(plan, entry, n, key)]
        with fx.out.at(entry.span), fx.out.block(f"{otherwise}if ({' && '.join(tests) or '1'})"):
            _choose_entry(fx, plan, entry)
        otherwise = "else "


def _rank(plan: TablePlan, entry: ir.Entry) -> tuple[int, int]:
    prefix = sum(e.prefix_len for e in entry.elements if isinstance(e, ir.Lpm))
    kinds = {f.kind for f in plan.keys}
    return (prefix if kinds <= {"exact", "lpm"} else 0, entry.priority)


def _joined(plan: TablePlan, keys: list[str]) -> str:
    text, below = [], sum(f.width for f in plan.keys)
    for field, key in zip(plan.keys, keys, strict=True):
        below -= field.width
        text.append(f"(u64){key} << {below}" if below else f"(u64){key}")
    return " | ".join(text)


def _joined_value(plan: TablePlan, entry: ir.Entry) -> int:
    value = 0
    for position, field in zip(plan.order, plan.keys, strict=True):
        element = entry.elements[position]
        part = element.low if isinstance(element, ir.Interval) else element.value
        value = value << field.width | (part & mask(field.width))
    return value


def _tests(plan: TablePlan, entry: ir.Entry, position: int, key: str) -> list[str]:
    """The C conditions for one element of an entry."""
    width = plan.table.keys[position].width
    element = entry.elements[position]
    if isinstance(element, ir.Interval):
        return within(key, width, element.low & mask(width), element.high & mask(width))
    if isinstance(element, ir.Lpm):
        return matches(key, width, element.value, mask(width) & ~mask(width - element.prefix_len))
    return matches(key, width, element.value, element.mask)


def _choose_entry(fx: Fx, plan: TablePlan, entry: ir.Entry) -> None:
    _choose(fx, plan, entry.call)
    if plan.has_handles:
        fx.out.line(f"handle = {plan.table.entries.index(entry) + 1};")


def _choose(fx: Fx, plan: TablePlan, call: ir.ActionCall) -> None:
    index = plan.action_index(call.action)
    fx.out.line(f"action = {index + 1};")
    for n, (param, value) in enumerate(zip(plan.actions[index].params, call.arguments, strict=True)):
        fx.out.line(f"a{n} = {number(value & mask(param.width), param.width)};")


def _default_of_code(fx: Fx, plan: TablePlan) -> None:
    if not plan.default_map:
        _choose(fx, plan, plan.table.default)
        return
    fx.out.line("const u8 *value;")
    _load_default(fx, plan, "value")
    with fx.out.block("if (value && VALUE(value, u32, 0))", "} else {"):
        fx.out.line("action = VALUE(value, u32, 0);")
        with fx.out.block("switch (action)"):
            for number_, layout in enumerate(plan.actions, start=1):
                if layout.params:
                    loads = (
                        f"a{n} = VALUE(value, {storage_type(p.width)}, {p.offset});"
                        for n, p in enumerate(layout.params)
                    )
                    fx.out.line(f"case {number_}: {' '.join(loads)} break;")
    fx.out.indent += 1
    _choose(fx, plan, plan.table.default)
    fx.out.indent -= 1
    fx.out.line("}")
