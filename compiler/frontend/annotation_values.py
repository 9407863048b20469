"""The values in structured annotations: literals, and operators on them."""

from __future__ import annotations

from rackplane.compiler.frontend import ast, types, values

_UNKNOWN = ""


def literal(e: ast.Expression) -> int | str | bool:
    """The value of an expression of literals; "" for what is none."""
    if isinstance(e, ast.IntLiteral):
        return e.number
    if isinstance(e, ast.BoolLiteral):
        return e.truth
    if isinstance(e, ast.StringLiteral):
        return e.text
    if isinstance(e, ast.Unary):
        return _unary(e)
    if isinstance(e, ast.Binary):
        return _binary(e)
    return _UNKNOWN


def _unary(e: ast.Unary) -> int | str | bool:
    operand = literal(e.operand)
    if e.operator == "!" and isinstance(operand, bool):
        return not operand
    if e.operator == "-" and isinstance(operand, int):
        return -operand
    return _UNKNOWN


def _binary(e: ast.Binary) -> int | str | bool:
    left, right = literal(e.left), literal(e.right)
    if isinstance(left, str) and isinstance(right, str) and e.operator == "++":
        return left + right
    compared = values.compare(e.operator, left, right)
    if compared is not None:
        return compared
    if not isinstance(left, int) or not isinstance(right, int):
        return _UNKNOWN
    try:
        found = values.arithmetic(e.operator, left, right, types.INT)
    except values.NoValue:
        return _UNKNOWN
    return found if found is not None else _UNKNOWN
