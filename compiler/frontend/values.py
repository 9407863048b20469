"""Values that are known at compile time, and the arithmetic on them (spec 1.2.5, section 8)."""

from __future__ import annotations

from collections.abc import Callable

from rackplane.compiler.frontend import types
from rackplane.compiler.frontend.types import Bits, Type

# A number, a bool, a string, an enum member's or error's index, or the parts of a tuple, struct or header in order.
Value = int | bool | str | tuple["Value", ...]

MAX_CONSTANT_BITS = 65536


class NoValue(Exception):
    """The operation has no value: division by zero, a negative shift, a number past every bound."""


def wrap(value: int, width: int, signed: bool) -> int:
    """The value modulo 2**width, as an unsigned or two's complement number."""
    if width == 0:
        return 0
    value &= (1 << width) - 1
    if signed and value >> (width - 1):
        value -= 1 << width
    return value


def saturate(value: int, width: int, signed: bool) -> int:
    """The nearest value that the type holds."""
    low = -(1 << (width - 1)) if signed else 0
    high = (1 << (width - 1)) - 1 if signed else (1 << width) - 1
    return max(low, min(high, value))


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise NoValue("division by zero")
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _modulo(a: int, b: int) -> int:
    return a - b * _divide(a, b)


def _left(a: int, b: int) -> int:
    if b < 0:
        raise NoValue("a shift by a negative number")
    if b > MAX_CONSTANT_BITS and a:
        raise NoValue(f"a number of more than {MAX_CONSTANT_BITS} bits")
    return a << b if a else 0


def _right(a: int, b: int) -> int:
    if b < 0:
        raise NoValue("a shift by a negative number")
    return a >> b


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": _modulo,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": _left,
    ">>": _right,
    "|+|": lambda a, b: a + b,
    "|-|": lambda a, b: a - b,
}
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compare(operator: str, left: Value, right: Value) -> bool | None:
    """The result of a comparison, None when the operator is none or the values cannot be compared."""
    if operator in ("==", "!="):
        return (left == right) == (operator == "==")
    if operator in _COMPARISONS and isinstance(left, int) and isinstance(right, int):
        return _COMPARISONS[operator](left, right)
    return None


def arithmetic(operator: str, left: int, right: int, type_: Type) -> int | None:
    """The result of an arithmetic operator in the given type, None when the operator is none.

    Raises:
        NoValue: when there is no result.
    """
    compute = _ARITHMETIC.get(operator)
    if compute is None:
        return None
    if isinstance(type_, Bits) and operator == "<<":
        right = min(right, type_.width)
    result = compute(left, right)
    if isinstance(type_, Bits):
        if operator in ("|+|", "|-|"):
            return saturate(result, type_.width, type_.signed)
        return wrap(result, type_.width, type_.signed)
    if result.bit_length() > MAX_CONSTANT_BITS:
        raise NoValue(f"a number of more than {MAX_CONSTANT_BITS} bits")
    return result


def convert(value: Value, source: Type, target: Type) -> Value:
    """The value after a cast between scalars; other types keep it."""
    source, target = types.underlying(source), types.underlying(target)
    if isinstance(target, types.SerEnum):
        target = target.underlying
    if isinstance(target, Bits) and isinstance(value, int):
        return wrap(int(value), target.width, target.signed)
    if target == types.BOOL and isinstance(value, int):
        return bool(value)
    if isinstance(target, types.Integer) and isinstance(value, int):
        return int(value)
    return value


def default_value(t: Type) -> Value | None:
    """The default value of a type (spec 7.3); None when it has no compile-time form, as a header's."""
    t = types.underlying(t)
    if t == types.BOOL:
        return False
    if t == types.STRING:
        return ""
    if isinstance(t, Bits | types.Integer | types.EnumType | types.SerEnum) or t == types.ERROR:
        return 0
    inner: list[Type]
    if isinstance(t, types.Tuple):
        inner = list(t.items)
    elif types.is_struct(t) and isinstance(t, types.Composite):
        inner = [m.type for m in t.members]
    else:
        return None
    values = [default_value(i) for i in inner]
    return None if None in values else tuple(v for v in values if v is not None)
