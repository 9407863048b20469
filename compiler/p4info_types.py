"""Type specifications and annotations in P4Info (p4types.proto)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from finsy.proto import p4i, p4t

from rackplane.compiler import ir
from rackplane.compiler.annotations import string_of

_NOT_SHOWN = frozenset({"name", "id", "brief", "description"})
_STRUCTURED = p4t.StructuredAnnotation


class Annotated(Protocol):
    """A message with annotations of both forms."""

    @property
    def annotations(self) -> _Strings:
        """Those of the form @name(body)."""
        ...

    @property
    def structured_annotations(self) -> _Structured:
        """Those of the form @name[values]."""
        ...


class _Strings(Protocol):
    def append(self, value: str, /) -> None: ...


class _Structured(Protocol):
    def add(self) -> p4t.StructuredAnnotation: ...


def add_annotations(out: Annotated, annotations: Iterable[ir.Annotation], hidden: Collection[str] = ()) -> None:
    """Add what the control plane is to see of an object's annotations."""
    for each in annotations:
        if each.name in _NOT_SHOWN or each.name in hidden:
            continue
        if each.values is not None:
            _structured(out.structured_annotations.add(), each)
        else:
            out.annotations.append(f"@{each.name}({each.body})" if each.body else f"@{each.name}")


def _structured(out: p4t.StructuredAnnotation, annotation: ir.Annotation) -> None:
    out.name = annotation.name
    values = annotation.values or ()
    if any(v.key is not None for v in values):
        for v in values:
            pair = out.kv_pair_list.kv_pairs.add(key=v.key or "")
            _value(pair.value, v.value)
        return
    for v in values:
        _value(out.expression_list.expressions.add(), v.value)


def _value(out: p4t.Expression, value: int | str | bool) -> None:
    if isinstance(value, bool):
        out.bool_value = value
    elif isinstance(value, int):
        out.int64_value = value
    else:
        out.string_value = value


def documentation(annotations: Iterable[ir.Annotation]) -> p4i.Documentation | None:
    """What @brief and @description say; None when there is neither."""
    found = {a.name: string_of(a) for a in annotations if a.name in ("brief", "description")}
    return p4i.Documentation(**found) if found else None


def data_spec(spec: ir.TypeSpec) -> p4t.P4DataTypeSpec:
    """The message for a type specification."""
    out = p4t.P4DataTypeSpec()
    match spec:
        case ir.BitSpec():
            out.bitstring.CopyFrom(bit_spec(spec))
        case ir.BoolSpec():
            out.bool.SetInParent()
        case ir.ErrorSpec():
            out.error.SetInParent()
        case ir.TupleSpec():
            out.tuple.SetInParent()
            out.tuple.members.extend(data_spec(m) for m in spec.members)
        case ir.StackSpec(ir.NamedSpec(ir.SpecKind.UNION, name), size):
            out.header_union_stack.size = size
            out.header_union_stack.header_union.name = name
        case ir.StackSpec(element, size):
            out.header_stack.size = size
            out.header_stack.header.name = element.name
        case ir.NamedSpec():
            getattr(out, spec.kind.value).name = spec.name
    return out


def bit_spec(spec: ir.TypeSpec) -> p4t.P4BitstringLikeTypeSpec:
    """The message for bit<W>, int<W> or varbit<W>."""
    out = p4t.P4BitstringLikeTypeSpec()
    if isinstance(spec, ir.BitSpec):
        if spec.varying:
            out.varbit.max_bitwidth = spec.width
        elif spec.signed:
            out.int.bitwidth = spec.width
        else:
            out.bit.bitwidth = spec.width
    return out


def fill_type_info(out: p4t.P4TypeInfo, pipeline: ir.Pipeline) -> None:
    """Add the definitions of all named types that the control plane meets."""
    for spec, definition in pipeline.type_info.items():
        match definition:
            case ir.Members(members):
                _members(out, spec, members)
            case ir.Enumerators(members, None):
                enum = out.enums[spec.name]
                for name, _ in members:
                    enum.members.add(name=name)
            case ir.Enumerators(members, width):
                _serializable(out.serializable_enums[spec.name], members, width or 0)
            case ir.NewType():
                _new_type(out.new_types[spec.name], definition)
    if _uses_errors(pipeline):
        out.error.members.extend(pipeline.errors)


def _members(out: p4t.P4TypeInfo, spec: ir.NamedSpec, members: tuple[tuple[str, ir.TypeSpec], ...]) -> None:
    if spec.kind is ir.SpecKind.HEADER:
        header = out.headers[spec.name]
        for name, member in members:
            header.members.add(name=name, type_spec=bit_spec(member))
    elif spec.kind is ir.SpecKind.UNION:
        union = out.header_unions[spec.name]
        for name, member in members:
            union.members.add(name=name).header.CopyFrom(data_spec(member).header)
    else:
        struct = out.structs[spec.name]
        for name, member in members:
            struct.members.add(name=name, type_spec=data_spec(member))


def _serializable(out: p4t.P4SerializableEnumTypeSpec, members: tuple[tuple[str, int], ...], width: int) -> None:
    out.underlying_type.bitwidth = width
    for name, value in members:
        out.members.add(name=name, value=(value % (1 << width)).to_bytes((width + 7) // 8, "big"))


def _new_type(out: p4t.P4NewTypeSpec, definition: ir.NewType) -> None:
    add_annotations(out, definition.annotations, ("p4runtime_translation",))
    translation = definition.translation
    if translation is None:
        out.original_type.CopyFrom(data_spec(definition.original))
        return
    out.translated_type.uri = translation.uri
    if translation.width is None:
        out.translated_type.sdn_string.SetInParent()
    else:
        out.translated_type.sdn_bitwidth = translation.width


def _uses_errors(pipeline: ir.Pipeline) -> bool:
    found = [r.spec for r in pipeline.registers.values() if r.spec] + [d.spec for d in pipeline.digests.values()]
    for definition in pipeline.type_info.values():
        if isinstance(definition, ir.Members):
            found += [spec for _, spec in definition.members]
    while found:
        spec = found.pop()
        if isinstance(spec, ir.ErrorSpec):
            return True
        if isinstance(spec, ir.TupleSpec):
            found += spec.members
    return False


def shown_width(pipeline: ir.Pipeline, type_name: str | None, width: int) -> int:
    """The width of a value as the control plane gives it: the translated type's if there is one, 0 for a string."""
    definition = pipeline.type_info.get(ir.NamedSpec(ir.SpecKind.NEW_TYPE, type_name)) if type_name else None
    if isinstance(definition, ir.NewType) and definition.translation is not None:
        return definition.translation.width or 0
    return width
