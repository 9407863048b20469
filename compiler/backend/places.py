"""Places: where a P4 lvalue lives in C, and how scalars there are read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rackplane.compiler import ir
from rackplane.compiler.backend.access import is_wide, mask, number, part, read_bits, value_type, words, write_bits
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.ctext import identifier

Evaluate = Callable[[Fx, ir.Expr], str]


@dataclass(frozen=True)
class Scalar:
    """A C variable or member that holds one number of `width` bits. `guard`: it exists only if that holds."""

    lvalue: str
    width: int
    guard: str = ""


@dataclass(frozen=True)
class Raw:
    """A bit field of a byte array of `limit` bytes, or with `low` set, of a Scalar's bits."""

    base: str
    limit: int
    offset: int
    width: int
    guard: str = ""


@dataclass(frozen=True)
class Part:
    """Bits high..low of a Scalar."""

    whole: Scalar
    low: int
    width: int


@dataclass(frozen=True)
class Aggregate:
    """A header, struct, union, stack or varbit."""

    lvalue: str
    type: ir.Header | ir.Struct | ir.Union | ir.Stack | ir.Varbit
    guard: str = ""


Located = Scalar | Raw | Part | Aggregate


def _both(first: str, second: str) -> str:
    return f"{first} && {second}" if first and second else first or second


def locate(fx: Fx, place: ir.Expr, evaluate: Evaluate) -> Located:
    """Find a place; index expressions are evaluated to temporaries in front."""
    match place:
        case ir.Var():
            return _member(fx.variable(place), place.type, "")
        case ir.Member():
            return _locate_member(fx, place, evaluate)
        case ir.Element():
            return _locate_element(fx, place, evaluate)
        case ir.StackNext() | ir.StackLast():
            return _locate_at_index(fx, place, evaluate)
        case ir.Slice():
            return _locate_slice(fx, place, evaluate)
        case _:
            raise unsupported(f"a value of the form {type(place).__name__} as a place")


def _member(lvalue: str, kind: ir.Type, guard: str) -> Located:
    if isinstance(kind, ir.Bits):
        return Scalar(lvalue, kind.width, guard)
    return Aggregate(lvalue, kind, guard)


def aggregate(fx: Fx, place: ir.Expr, evaluate: Evaluate) -> Aggregate:
    """Find a place that is not a number."""
    found = locate(fx, place, evaluate)
    if not isinstance(found, Aggregate):
        raise unsupported("a number where a header, struct or stack is needed")
    return found


def _locate_member(fx: Fx, place: ir.Member, evaluate: Evaluate) -> Located:
    base = aggregate(fx, place.base, evaluate)
    if isinstance(base.type, ir.Header):
        layout = fx.types.layout(base.type)
        if not isinstance(place.type, ir.Bits):
            return Aggregate(f"{base.lvalue}.var", place.type, base.guard)
        offset = layout.offsets[place.name]
        return Raw(f"{base.lvalue}.b", layout.size, offset, place.type.width, base.guard)
    return _member(f"{base.lvalue}.f_{identifier(place.name)}", place.type, base.guard)


def stack_of(fx: Fx, place: ir.Expr, evaluate: Evaluate) -> tuple[Aggregate, ir.Stack]:
    """Find a header stack."""
    found = aggregate(fx, place, evaluate)
    if not isinstance(found.type, ir.Stack):
        raise unsupported("an index of something that is not a header stack")
    return found, found.type


def _locate_element(fx: Fx, place: ir.Element, evaluate: Evaluate) -> Located:
    base, stack = stack_of(fx, place.base, evaluate)
    if isinstance(place.index, ir.Const):
        if not 0 <= place.index.value < stack.size:
            raise unsupported(f"index {place.index.value} of a stack of {stack.size} elements")
        return Aggregate(f"{base.lvalue}.e[{place.index.value}]", stack.element, base.guard)
    index = fx.out.temp("u64", evaluate(fx, place.index))
    exists = fx.out.temp("u32", f"{index} < {stack.size}")
    bounded = _bounded(fx, index, stack.size)
    return Aggregate(f"{base.lvalue}.e[{bounded}]", stack.element, _both(base.guard, exists))


def _bounded(fx: Fx, index: str, size: int) -> str:
    """An index within bounds, by a comparison that no other is merged with, so that the verifier can follow it."""
    name = fx.out.fresh("at")
    fx.out.line(f"u64 {name} = {index}; OPAQUE({name});")
    fx.out.line(f"if ({name} >= {size}) {name} = 0;")
    return name


def _locate_at_index(fx: Fx, place: ir.StackNext | ir.StackLast, evaluate: Evaluate) -> Located:
    base, stack = stack_of(fx, place.base, evaluate)
    back = 0 if isinstance(place, ir.StackNext) else 1
    index = fx.out.temp("u32", f"{base.lvalue}.next - {back}")
    fx.out.line(f"if ({index} >= {stack.size}) {fx.fail('StackOutOfBounds')}")
    bounded = _bounded(fx, index, stack.size)
    return Aggregate(f"{base.lvalue}.e[{bounded}]", stack.element, base.guard)


def _locate_slice(fx: Fx, place: ir.Slice, evaluate: Evaluate) -> Located:
    whole = locate(fx, place.base, evaluate)
    width = place.high - place.low + 1
    match whole:
        case Raw():
            return replace(whole, offset=whole.offset + whole.width - place.high - 1, width=width)
        case Scalar():
            return Part(whole, place.low, width)
        case Part():
            return Part(whole.whole, whole.low + place.low, width)
        case Aggregate():
            raise unsupported("a slice of a header or struct")


def read(found: Located) -> str:
    """An expression for the number at a place; out-of-range elements read as zero."""
    match found:
        case Scalar():
            text = found.lvalue if is_wide(found.width) else f"({value_type(found.width)}){found.lvalue}"
            guard = found.guard
        case Raw():
            text = read_bits(found.base, found.limit, found.offset, found.width)
            guard = found.guard
        case Part():
            text = part(found.whole.lvalue, found.whole.width, found.low, found.width)
            guard = found.whole.guard
        case Aggregate():
            raise unsupported("a header or struct where a number is needed")
    return f"(({guard}) ? {text} : {number(0, found.width)})" if guard else f"({text})"


def write(fx: Fx, found: Located, value: str) -> None:
    """Statements that store a number (an expression with no bit above the place's width)."""
    guard = found.whole.guard if isinstance(found, Part) else found.guard
    if guard:
        with fx.out.block(f"if ({guard})"):
            _store(fx, found, value)
    else:
        _store(fx, found, value)


def _store(fx: Fx, found: Located, value: str) -> None:
    match found:
        case Scalar():
            fx.out.line(f"{found.lvalue} = {value};")
        case Raw():
            with fx.out.block():
                name = fx.out.temp(value_type(found.width), value)
                for statement in write_bits(found.base, found.limit, found.offset, found.width, name):
                    fx.out.line(statement)
        case Part():
            _store_part(fx, found, value)
        case Aggregate():
            raise unsupported("a number stored in a header or struct")


def _store_part(fx: Fx, found: Part, value: str) -> None:
    whole = found.whole
    if not is_wide(whole.width):
        keep = number(mask(whole.width) & ~(mask(found.width) << found.low), whole.width)
        kind = value_type(whole.width)
        fx.out.line(f"{whole.lvalue} = ({whole.lvalue} & {keep}) | (({kind})({value}) << {found.low});")
        return
    with fx.out.block():
        name = fx.out.temp(value_type(found.width), value)
        for n in range(words(whole.width)):
            start, end = max(64 * n, found.low), min(64 * n + 64, found.low + found.width)
            if start < end:
                keep = f"{mask(64) & ~(mask(end - start) << start - 64 * n):#x}ull"
                put = f"((u64){part(name, found.width, start - found.low, end - start)} << {start - 64 * n})"
                fx.out.line(f"{whole.lvalue}.w[{n}] = ({whole.lvalue}.w[{n}] & {keep}) | {put};")
