"""Which places may share storage: for copy-in and copy-out, and for assignments of lists."""

from __future__ import annotations

from collections.abc import Iterator

from rackplane.compiler import ir
from rackplane.compiler.frontend.lower_env import Aggregate, Value

Step = str | int | None


def path_of(place: ir.Expr) -> tuple[str, tuple[Step, ...]] | None:
    """The root variable and the steps to a place, None for what is no place.

    A step None is an index that is not known. Members of a union and parts of a number are not told apart.
    """
    if isinstance(place, ir.Var):
        return place.name, ()
    if isinstance(place, ir.Slice) or (isinstance(place, ir.Member) and isinstance(place.base.type, ir.Union)):
        return path_of(place.base)
    if not isinstance(place, ir.Member | ir.Element | ir.StackNext | ir.StackLast):
        return None
    base = path_of(place.base)
    step: Step = None
    if isinstance(place, ir.Member):
        step = place.name
    elif isinstance(place, ir.Element) and isinstance(place.index, ir.Const):
        step = place.index.value
    return None if base is None else (base[0], (*base[1], step))


def overlap(first: ir.Expr, second: ir.Expr) -> bool:
    """Whether two places may share storage."""
    a, b = path_of(first), path_of(second)
    if a is None or b is None or a[0] != b[0]:
        return False
    return all(x == y or x is None or y is None for x, y in zip(a[1], b[1], strict=False))


def is_fixed(place: ir.Expr) -> bool:
    """Whether a place is the same whenever it is looked at."""
    if isinstance(place, ir.Var):
        return True
    if isinstance(place, ir.Member):
        return is_fixed(place.base)
    return isinstance(place, ir.Element) and isinstance(place.index, ir.Const) and is_fixed(place.base)


def reads(value: Value) -> Iterator[ir.Expr]:
    """All places that a value reads."""
    if isinstance(value, str):
        return
    if isinstance(value, Aggregate):
        for part in value.parts or ():
            yield from reads(part)
        return
    yield from _reads(value)


def _reads(e: ir.Expr) -> Iterator[ir.Expr]:
    if isinstance(e, ir.Var | ir.Member | ir.StackNext | ir.StackLast):
        yield e
    elif isinstance(e, ir.Element):
        yield e
        yield from _reads(e.index)
    elif isinstance(e, ir.Slice):
        yield from _reads(e.base)
    elif isinstance(e, ir.Unary | ir.Cast):
        yield from _reads(e.operand)
    elif isinstance(e, ir.Binary | ir.Concat):
        yield from _reads(e.left)
        yield from _reads(e.right)
    elif isinstance(e, ir.Mux):
        for each in (e.condition, e.then, e.otherwise):
            yield from _reads(each)
    elif isinstance(e, ir.IsValid):
        yield from _reads(e.header)
    elif isinstance(e, ir.StackIndex):
        yield from _reads(e.base)
