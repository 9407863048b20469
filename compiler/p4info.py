"""P4Info (P4Runtime 1.4, p4.config.v1) of a pipeline, with the ids and names that p4c gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from finsy.proto import p4i
from google.protobuf import text_format

from rackplane.compiler import ir
from rackplane.compiler.annotations import pairs_of
from rackplane.compiler.backend.walk import BLOCKS, block_body, statements
from rackplane.compiler.ids import Ids, Prefix, aliases, field_ids
from rackplane.compiler.p4info_types import add_annotations, data_spec, documentation, fill_type_info, shown_width

ARCHITECTURE = "v1model"
DEFAULT_TABLE_SIZE = 1024
NO_ACTION = "NoAction"
_PACKAGE_TEXTS = ("name", "version", "organization", "contact", "url", "arch")
_PLATFORM_NUMBERS = (
    "multicast_group_table_size",
    "multicast_group_table_total_replicas",
    "multicast_group_table_max_replicas_per_entry",
)
_MATCH_TYPES = {
    ir.MatchKind.EXACT: p4i.MatchField.EXACT,
    ir.MatchKind.LPM: p4i.MatchField.LPM,
    ir.MatchKind.TERNARY: p4i.MatchField.TERNARY,
    ir.MatchKind.RANGE: p4i.MatchField.RANGE,
    ir.MatchKind.OPTIONAL: p4i.MatchField.OPTIONAL,
}
_COUNTER_UNITS = {
    ir.CounterUnit.PACKETS: p4i.CounterSpec.PACKETS,
    ir.CounterUnit.BYTES: p4i.CounterSpec.BYTES,
    ir.CounterUnit.BOTH: p4i.CounterSpec.BOTH,
}
_METER_UNITS = {
    ir.CounterUnit.PACKETS: p4i.MeterSpec.PACKETS,
    ir.CounterUnit.BYTES: p4i.MeterSpec.BYTES,
    ir.CounterUnit.BOTH: p4i.MeterSpec.BYTES,
}


@dataclass(frozen=True)
class _Names:
    """The ids and aliases of the program's objects."""

    ids: Ids
    aliases: dict[str, str]

    def fill(self, preamble: p4i.Preamble, prefix: Prefix, name: str, annotations: Iterable[ir.Annotation]) -> None:
        """Fill a preamble."""
        preamble.id = self.ids[prefix][name]
        preamble.name = name
        preamble.alias = self.aliases[name]
        _describe(preamble, annotations)


def _describe(out: p4i.Preamble | p4i.MatchField | p4i.Action.Param, annotations: Iterable[ir.Annotation]) -> None:
    """Add annotations and documentation."""
    notes = tuple(annotations)
    add_annotations(out, notes)
    doc = documentation(notes)
    if doc is not None:
        out.doc.CopyFrom(doc)


def build(pipeline: ir.Pipeline, ids: Ids) -> p4i.P4Info:
    """The P4Info message."""
    names = _Names(ids, dict(aliases({name for by_name in ids.values() for name in by_name})))
    info = p4i.P4Info()
    _package(info.pkg_info, pipeline.annotations)
    for table in pipeline.tables.values():
        _table(info, names, pipeline, table)
    _actions(info, names, pipeline)
    _profiles(info, names, pipeline)
    _counters(info, names, pipeline)
    _meters(info, names, pipeline)
    _registers(info, names, pipeline)
    _controller_headers(info, names, pipeline)
    _value_sets(info, names, pipeline)
    _digests(info, names, pipeline)
    fill_type_info(info.type_info, pipeline)
    if _has_typed_objects(pipeline):
        info.type_info.SetInParent()
    return info


def _package(out: p4i.PkgInfo, annotations: Iterable[ir.Annotation]) -> None:
    """The architecture, and what @pkginfo and @platform_property before `main` say."""
    out.arch = ARCHITECTURE
    rest: list[ir.Annotation] = []
    for each in annotations:
        if each.name == "pkginfo":
            texts = pairs_of(each)
            for key in _PACKAGE_TEXTS:
                if isinstance(texts.get(key), str):
                    setattr(out, key, texts[key])
        elif each.name == "platform_property":
            numbers = pairs_of(each)
            for key in _PLATFORM_NUMBERS:
                if isinstance(numbers.get(key), int):
                    setattr(out.platform_properties, key, numbers[key])
        else:
            rest.append(each)
    add_annotations(out, rest)
    doc = documentation(rest)
    if doc is not None:
        out.doc.CopyFrom(doc)


def _has_typed_objects(pipeline: ir.Pipeline) -> bool:
    """Whether p4c would look for user-defined types, which leaves an empty type_info when it finds none."""
    params = any(a.params for a in pipeline.actions.values())
    externs = pipeline.registers or pipeline.counters or pipeline.meters or pipeline.action_profiles
    return bool(pipeline.tables or params or externs or pipeline.controller_headers) or _calls_functions(pipeline)


def _calls_functions(pipeline: ir.Pipeline) -> bool:
    """Whether a control calls an extern function."""
    reached = (s for block in BLOCKS for s in statements(block_body(pipeline, block), pipeline))
    return any(isinstance(s, ir.CallExtern) and "." not in s.name for s in reached)


def to_text(info: p4i.P4Info) -> str:
    """The message in protobuf's text format."""
    head = "# proto-file: p4/config/v1/p4info.proto\n# proto-message: p4.config.v1.P4Info\n\n"
    return head + text_format.MessageToString(info)


def _is_hidden(annotations: Iterable[ir.Annotation]) -> bool:
    return any(a.name == "hidden" for a in annotations)


def _table(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline, table: ir.Table) -> None:
    out = info.tables.add()
    names.fill(out.preamble, Prefix.TABLE, table.name, table.annotations)
    _match_fields(out, pipeline, table)
    for ref in table.actions:
        _action_ref(out, names, pipeline, ref)
    _default_action(out, names, pipeline, table)
    out.size = table.size or DEFAULT_TABLE_SIZE
    out.is_const_table = table.const_entries
    out.has_initial_entries = bool(table.entries)
    _table_resources(out, names, pipeline, table)


def _match_fields(out: p4i.Table, pipeline: ir.Pipeline, table: ir.Table) -> None:
    for number, key in zip(field_ids([k.annotations for k in table.keys]), table.keys, strict=True):
        if key.kind is ir.MatchKind.SELECTOR:
            continue
        match = out.match_fields.add()
        match.id = number
        match.name = key.name
        match.bitwidth = shown_width(pipeline, key.type_name, key.width)
        match.match_type = _MATCH_TYPES[key.kind]
        _describe(match, key.annotations)
        if key.type_name:
            match.type_name.name = key.type_name


def _action_ref(out: p4i.Table, names: _Names, pipeline: ir.Pipeline, ref: ir.ActionRef) -> None:
    action = out.action_refs.add()
    action.id = names.ids[Prefix.ACTION][pipeline.actions[ref.name].name]
    add_annotations(action, ref.annotations)
    if ref.table_only:
        action.scope = p4i.ActionRef.TABLE_ONLY
    elif ref.default_only:
        action.scope = p4i.ActionRef.DEFAULT_ONLY


def _default_action(out: p4i.Table, names: _Names, pipeline: ir.Pipeline, table: ir.Table) -> None:
    action = pipeline.actions[table.default.action]
    number = names.ids[Prefix.ACTION][action.name]
    if table.const_default:
        out.const_default_action_id = number
    out.initial_default_action.action_id = number
    ids = field_ids([p.annotations for p in action.params])
    for param_id, param, value in zip(ids, action.params, table.default.arguments, strict=True):
        argument = out.initial_default_action.arguments.add()
        argument.param_id = param_id
        own = param.var.type.width if isinstance(param.var.type, ir.Bits) else 0
        argument.value = _bytes(value % (1 << own), shown_width(pipeline, param.type_name, own) or own)


def _bytes(value: int, width: int) -> bytes:
    """The value in as many bytes as its width needs."""
    return (value & ((1 << width) - 1)).to_bytes((width + 7) // 8, "big")


def _table_resources(out: p4i.Table, names: _Names, pipeline: ir.Pipeline, table: ir.Table) -> None:
    if table.implementation:
        profile = pipeline.action_profiles[table.implementation]
        out.implementation_id = names.ids[Prefix.ACTION_PROFILE][profile.name]
    if table.direct_counter:
        counter = pipeline.counters[table.direct_counter]
        out.direct_resource_ids.append(names.ids[Prefix.DIRECT_COUNTER][counter.name])
    if table.direct_meter:
        meter = pipeline.meters[table.direct_meter]
        out.direct_resource_ids.append(names.ids[Prefix.DIRECT_METER][meter.name])
    if table.idle_timeout:
        out.idle_timeout_behavior = p4i.Table.NOTIFY_CONTROL


def _actions(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    done = set()
    in_tables = {ref.name for table in pipeline.tables.values() for ref in table.actions}
    for key, action in pipeline.actions.items():
        if action.name in done or (key not in in_tables and _is_hidden(action.annotations)):
            continue
        done.add(action.name)
        out = info.actions.add()
        names.fill(out.preamble, Prefix.ACTION, action.name, action.annotations)
        for number, param in zip(field_ids([p.annotations for p in action.params]), action.params, strict=True):
            each = out.params.add()
            each.id = number
            each.name = param.name
            _describe(each, param.annotations)
            if isinstance(param.var.type, ir.Bits):
                each.bitwidth = shown_width(pipeline, param.type_name, param.var.type.width)
            if param.type_name:
                each.type_name.name = param.type_name


def _profiles(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    for key, profile in pipeline.action_profiles.items():
        out = info.action_profiles.add()
        hidden = {"max_group_size", "selector_size_semantics", "max_member_weight"}
        shown = [a for a in profile.annotations if a.name not in hidden]
        names.fill(out.preamble, Prefix.ACTION_PROFILE, profile.name, shown)
        out.with_selector = profile.selector
        out.size = profile.size
        if profile.selector:
            _selector(out, {a.name: a.body.strip() for a in profile.annotations})
        users = [t.name for t in pipeline.tables.values() if t.implementation == key]
        out.table_ids.extend(names.ids[Prefix.TABLE][name] for name in users)


def _selector(out: p4i.ActionProfile, annotations: dict[str, str]) -> None:
    """What annotations say of a selector's groups."""
    size = annotations.get("max_group_size", "")
    if size.isdigit():
        out.max_group_size = int(size)
    semantics = annotations.get("selector_size_semantics", "").strip('"')
    if semantics == "sum_of_members":
        out.sum_of_members.SetInParent()
        weight = annotations.get("max_member_weight", "")
        if weight.isdigit():
            out.sum_of_members.max_member_weight = int(weight)
    elif semantics:
        out.sum_of_weights.SetInParent()


def _counters(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    tables = {t.direct_counter: t.name for t in pipeline.tables.values() if t.direct_counter}
    for key, counter in pipeline.counters.items():
        if counter.table is None:
            out = info.counters.add()
            names.fill(out.preamble, Prefix.COUNTER, counter.name, counter.annotations)
            out.spec.unit = _COUNTER_UNITS[counter.unit]
            out.size = counter.size
            if counter.index_type:
                out.index_type_name.name = counter.index_type
        elif key in tables:
            direct = info.direct_counters.add()
            names.fill(direct.preamble, Prefix.DIRECT_COUNTER, counter.name, counter.annotations)
            direct.spec.unit = _COUNTER_UNITS[counter.unit]
            direct.direct_table_id = names.ids[Prefix.TABLE][tables[key]]


def _meters(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    tables = {t.direct_meter: t.name for t in pipeline.tables.values() if t.direct_meter}
    for key, meter in pipeline.meters.items():
        if meter.table is None:
            out = info.meters.add()
            names.fill(out.preamble, Prefix.METER, meter.name, meter.annotations)
            out.spec.unit = _METER_UNITS[meter.unit]
            out.size = meter.size
            if meter.index_type:
                out.index_type_name.name = meter.index_type
        elif key in tables:
            direct = info.direct_meters.add()
            names.fill(direct.preamble, Prefix.DIRECT_METER, meter.name, meter.annotations)
            direct.spec.unit = _METER_UNITS[meter.unit]
            direct.direct_table_id = names.ids[Prefix.TABLE][tables[key]]


def _registers(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    for register in pipeline.registers.values():
        out = info.registers.add()
        names.fill(out.preamble, Prefix.REGISTER, register.name, register.annotations)
        out.size = register.size
        out.type_spec.CopyFrom(data_spec(register.spec or ir.BitSpec(register.type.width, register.type.signed)))
        if register.index_type:
            out.index_type_name.name = register.index_type


def _controller_headers(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    for each in pipeline.controller_headers:
        out = info.controller_packet_metadata.add()
        out.preamble.id = names.ids[Prefix.CONTROLLER_HEADER][each.header.name]
        out.preamble.name = each.name
        out.preamble.alias = each.name
        _describe(out.preamble, each.annotations)
        for number, field in zip(field_ids([f.annotations for f in each.fields]), each.fields, strict=True):
            if _is_hidden(field.annotations):
                continue
            width = shown_width(pipeline, field.type_name, field.width)
            metadata = out.metadata.add(id=number, name=field.name, bitwidth=width)
            add_annotations(metadata, field.annotations)
            if field.type_name:
                metadata.type_name.name = field.type_name


def _value_sets(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    for each in pipeline.value_sets.values():
        out = info.value_sets.add()
        names.fill(out.preamble, Prefix.VALUE_SET, each.name, each.annotations)
        out.size = each.size
        for number, field in zip(field_ids([f.annotations for f in each.fields]), each.fields, strict=True):
            kind = _MATCH_TYPES[field.match]
            match = out.match.add(id=number, name=field.name, bitwidth=field.type.width, match_type=kind)
            _describe(match, [a for a in field.annotations if a.name != "match"])


def _digests(info: p4i.P4Info, names: _Names, pipeline: ir.Pipeline) -> None:
    for each in pipeline.digests.values():
        out = info.digests.add()
        names.fill(out.preamble, Prefix.DIGEST, each.name, each.annotations)
        out.type_spec.CopyFrom(data_spec(each.spec))
