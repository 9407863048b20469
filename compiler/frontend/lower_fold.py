"""IR expressions that are made with constants folded."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.frontend import types
from rackplane.compiler.frontend.values import NoValue, arithmetic, compare, wrap

_BINARY = {o.value: o for o in ir.BinaryOp}
_UNARY = {"-": ir.UnaryOp.NEGATE, "~": ir.UnaryOp.COMPLEMENT, "!": ir.UnaryOp.NOT}
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
TRUE = ir.Const(1, ir.BOOL)
FALSE = ir.Const(0, ir.BOOL)


def bits_of(e: ir.Expr) -> ir.Bits:
    """The type of an expression that must be a number.

    Raises:
        TypeError: when it is something else; the checker lets none through.
    """
    if isinstance(e.type, ir.Bits):
        return e.type
    raise TypeError(f"not a number: {e}")


def constant(value: int, t: ir.Bits) -> ir.Const:
    """A constant, wrapped to its type."""
    return ir.Const(int(value) if t.is_bool else wrap(int(value), t.width, t.signed), t)


def binary(operator: str, left: ir.Expr, right: ir.Expr, t: ir.Bits) -> ir.Expr:
    """left operator right."""
    if operator == "&&":
        return _logical(left, right, stops=False)
    if operator == "||":
        return _logical(left, right, stops=True)
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        folded = _folded(operator, left, right, t)
        if folded is not None:
            return folded
    return ir.Binary(_BINARY[operator], left, right, t)


def _logical(left: ir.Expr, right: ir.Expr, *, stops: bool) -> ir.Expr:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ir.Const):
            if bool(one.value) != stops:
                return other
            if one is left:
                return left
    operator = ir.BinaryOp.LOGICAL_OR if stops else ir.BinaryOp.LOGICAL_AND
    return ir.Binary(operator, left, right, ir.BOOL)


def _folded(operator: str, left: ir.Const, right: ir.Const, t: ir.Bits) -> ir.Expr | None:
    if operator in _COMPARISONS:
        holds = compare(operator, left.value, right.value)
        return None if holds is None else constant(int(holds), ir.BOOL)
    try:
        value = arithmetic(operator, left.value, right.value, types.Bits(t.width, t.signed))
    except NoValue:
        return None
    return None if value is None else constant(value, t)


def unary(operator: str, operand: ir.Expr, t: ir.Bits) -> ir.Expr:
    """operator operand; unary plus is nothing."""
    if operator == "+":
        return operand
    if isinstance(operand, ir.Const):
        value = {"-": -operand.value, "~": ~operand.value, "!": int(not operand.value)}[operator]
        return constant(value, t)
    return ir.Unary(_UNARY[operator], operand, t)


def concat(left: ir.Expr, right: ir.Expr, t: ir.Bits) -> ir.Expr:
    """left ++ right."""
    width = bits_of(right).width
    if bits_of(left).width == 0:
        return cast(right, t)
    if width == 0:
        return cast(left, t)
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        return constant((left.value << width) | (right.value & ((1 << width) - 1)), t)
    return ir.Concat(left, right, t)


def cast(operand: ir.Expr, t: ir.Bits) -> ir.Expr:
    """(t) operand."""
    source = bits_of(operand)
    if source == t:
        return operand
    if isinstance(operand, ir.Const):
        return constant(operand.value, t)
    return ir.Cast(operand, t)


def mux(condition: ir.Expr, then: ir.Expr, otherwise: ir.Expr, t: ir.Bits) -> ir.Expr:
    """condition ? then : otherwise."""
    if isinstance(condition, ir.Const):
        return then if condition.value else otherwise
    return ir.Mux(condition, then, otherwise, t)


def slice_of(base: ir.Expr, high: int, low: int) -> ir.Expr:
    """base[high:low]."""
    t = ir.Bits(high - low + 1)
    if isinstance(base, ir.Const):
        return constant(base.value >> low, t)
    if isinstance(base, ir.Slice):
        return ir.Slice(base.base, base.low + high, base.low + low)
    if low == 0 and bits_of(base) == t:
        return base
    return ir.Slice(base, high, low)
