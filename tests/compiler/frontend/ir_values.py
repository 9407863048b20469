"""Storage of the IR machine: what variables hold, and the places in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rackplane.compiler import ir


@dataclass
class HeaderValue:
    """A header: its fields and its validity."""

    type: ir.Header
    valid: bool = False
    fields: dict[str, Stored] = field(default_factory=dict)


@dataclass
class VarbitValue:
    """A varbit: its value and how many bits it has now."""

    value: int = 0
    width: int = 0


@dataclass
class StackValue:
    """A header stack: its elements and the next index."""

    elements: list[Stored]
    next: int = 0


@dataclass
class RecordValue:
    """A struct or header union."""

    type: ir.Struct | ir.Union
    fields: dict[str, Stored]


Stored = int | HeaderValue | VarbitValue | StackValue | RecordValue


def fresh(t: ir.Type) -> Stored:
    """The zero value of a type; headers are invalid."""
    if isinstance(t, ir.Bits):
        return 0
    if isinstance(t, ir.Varbit):
        return VarbitValue()
    if isinstance(t, ir.Header):
        return HeaderValue(t, False, {f.name: fresh(f.type) for f in t.fields})
    if isinstance(t, ir.Stack):
        return StackValue([fresh(t.element) for _ in range(t.size)])
    return RecordValue(t, {f.name: fresh(f.type) for f in t.fields})


def copied(value: Stored) -> Stored:
    """A deep copy of a value."""
    if isinstance(value, HeaderValue):
        return HeaderValue(value.type, value.valid, {k: copied(v) for k, v in value.fields.items()})
    if isinstance(value, VarbitValue):
        return VarbitValue(value.value, value.width)
    if isinstance(value, StackValue):
        return StackValue([copied(e) for e in value.elements], value.next)
    if isinstance(value, RecordValue):
        return RecordValue(value.type, {k: copied(v) for k, v in value.fields.items()})
    return value


def same(a: Stored, b: Stored) -> bool:
    """Equality as P4 has it: two invalid headers are equal whatever their fields hold."""
    if isinstance(a, HeaderValue):
        return a.valid == b.valid and (not a.valid or all(same(a.fields[k], b.fields[k]) for k in a.fields))
    if isinstance(a, RecordValue):
        return all(same(a.fields[k], b.fields[k]) for k in a.fields)
    if isinstance(a, StackValue):
        return all(same(x, y) for x, y in zip(a.elements, b.elements, strict=True))
    if isinstance(a, VarbitValue):
        return (a.value, a.width) == (b.value, b.width)
    return bool(a == b)


def wrap(value: int, t: ir.Bits) -> int:
    """The value modulo 2**width, signed or unsigned as the type says."""
    if t.is_bool:
        return int(bool(value))
    value &= (1 << t.width) - 1
    if t.signed and t.width and value >> (t.width - 1):
        value -= 1 << t.width
    return value
