"""Checked types to types of the IR."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.frontend import types
from rackplane.compiler.frontend.types import Type

ENUM = ir.Bits(32)
_Maker = Callable[[str, tuple[ir.Field, ...]], ir.Struct | ir.Header | ir.Union]
_MAKE: dict[types.Kind, _Maker] = {
    types.Kind.STRUCT: ir.Struct,
    types.Kind.HEADER: ir.Header,
    types.Kind.UNION: ir.Union,
}


class NoLowering(Exception):
    """The type has no place in a packet program: an object, or a compile-time type."""


def lower_type(t: Type) -> ir.Type:
    """The IR's type; type variables must be replaced before.

    Raises:
        NoLowering: for objects and compile-time types.
    """
    t = types.underlying(t)
    if isinstance(t, types.Bits):
        return ir.Bits(t.width, t.signed)
    if isinstance(t, types.SerEnum):
        return ir.Bits(t.underlying.width, t.underlying.signed)
    if isinstance(t, types.EnumType | types.ActionRun) or t == types.ERROR:
        return ENUM
    if t == types.BOOL:
        return ir.BOOL
    if isinstance(t, types.Varbit):
        return ir.Varbit(t.width)
    return _aggregate(t)


def _aggregate(t: Type) -> ir.Type:
    if isinstance(t, types.Composite):
        if t.kind is types.Kind.HEADER:
            return ir.Header(type_name(t), tuple(f for group in header_fields(t) for f in group.fields))
        fields = tuple(ir.Field(m.name, lower_type(m.type)) for m in t.members)
        return _MAKE[t.kind](type_name(t), fields)
    if isinstance(t, types.Tuple):
        return _tuple(t.items)
    if isinstance(t, types.Stack):
        element = lower_type(t.element)
        if not isinstance(element, ir.Header | ir.Union):
            raise NoLowering(f"a stack of {t.element}")
        return ir.Stack(element, t.size)
    raise NoLowering(str(t))


@dataclass(frozen=True)
class HeaderMember:
    """A member of a header: one field, or for a struct the fields that it is spread into (spec 1.2.5, 7.2.2)."""

    name: str
    struct: ir.Struct | None
    fields: tuple[ir.Field, ...]


def header_fields(t: types.Composite) -> list[HeaderMember]:
    """The members of a header type, with structs inside spread into fields of their own."""
    taken = {m.name for m in t.members}
    found: list[HeaderMember] = []
    for m in t.members:
        lowered = lower_type(m.type)
        if not isinstance(lowered, ir.Struct):
            found.append(HeaderMember(m.name, None, (ir.Field(m.name, lowered),)))
            continue
        spread: list[ir.Field] = []
        for path, inner in _spread(lowered, m.name):
            name = path
            while name in taken:
                name += "_"
            taken.add(name)
            spread.append(ir.Field(name, inner))
        found.append(HeaderMember(m.name, lowered, tuple(spread)))
    return found


def _spread(t: ir.Struct, prefix: str) -> Iterator[tuple[str, ir.Type]]:
    for f in t.fields:
        path = f"{prefix}_{f.name}"
        if isinstance(f.type, ir.Struct):
            yield from _spread(f.type, path)
        else:
            yield path, f.type


def _tuple(items: tuple[Type, ...]) -> ir.Struct:
    fields = tuple(ir.Field(f"f{i}", lower_type(natural(t))) for i, t in enumerate(items))
    return ir.Struct("tuple_" + "_".join(_word(str(t)) for t in items), fields)


def natural(t: Type) -> Type:
    """The type that a number without a width gets where nothing else is known: bit<32>; the same inside lists."""
    if isinstance(t, types.Integer):
        return types.BIT32
    if isinstance(t, types.Sequence):
        return types.Tuple(tuple(natural(i) for i in t.items))
    return t


def type_name(t: types.Composite) -> str:
    """The name of a composite type, with its type arguments in it."""
    return t.name + "".join("_" + _word(str(a)) for a in t.arguments)


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def leaves(place: ir.Place) -> list[ir.Place]:
    """All places of a struct, header, union or stack that hold bits or varbits, in order."""
    t = place.type
    if isinstance(t, ir.Struct | ir.Header | ir.Union):
        return [leaf for f in t.fields for leaf in leaves(ir.Member(place, f.name, f.type))]
    if isinstance(t, ir.Stack):
        index = ir.Bits(32)
        return [leaf for i in range(t.size) for leaf in leaves(ir.Element(place, ir.Const(i, index), t.element))]
    return [place]
