"""The control-plane name of a key that has no @name: what the P4Runtime world derives from its expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.lower_env import LowerError
from rackplane.compiler.frontend.lower_names import name_annotation


def key_name(e: ast.Expression) -> str:
    """The name of a key: the text of its expression, with `$valid$` for isValid().

    Raises:
        LowerError: when the expression has no name of itself.
    """
    spell = _SPELLINGS.get(type(e))
    name = spell(e) if spell is not None else ""
    if not name:
        raise LowerError('this key needs a name: expression : kind @name("...")', e.span)
    return name


def _index(e: ast.Index) -> str:
    return f"{key_name(e.base)}[{key_name(e.index)}]"


def _field_name(e: ast.Member) -> str:
    """The field's own @name, or the name that it is used by."""
    owner = e.base.type
    for member in owner.members if isinstance(owner, types.Composite) else ():
        if member.name == e.name and isinstance(member.declaration, ast.Declaration):
            return name_annotation(member.declaration.annotations) or e.name
    return e.name


def _member(e: ast.Member) -> str:
    """A field whose name starts with a dot stands for itself."""
    field = _field_name(e)
    return field[1:] if field.startswith(".") else f"{key_name(e.base)}.{field}"


def _slice(e: ast.Slice) -> str:
    high, low = e.bounds or (0, 0)
    return f"{key_name(e.base)}[{high}:{low}]"


def _call(e: ast.Call) -> str:
    if isinstance(e.function, ast.Member) and e.function.name == "isValid":
        return f"{key_name(e.function.base)}.$valid$"
    return ""


def _binary(e: ast.Binary) -> str:
    """A mask by a number stands in the name as the number in hexadecimal."""
    if e.operator != "&" or not isinstance(e.right, ast.IntLiteral):
        return ""
    return f"{key_name(e.left)} & {e.right.number:#x}"


_SPELLINGS: dict[type, Callable[[Any], str]] = {
    ast.Path: lambda e: ("." if e.absolute else "") + e.name,
    ast.Member: _member,
    ast.IntLiteral: lambda e: str(e.number),
    ast.Index: _index,
    ast.Slice: _slice,
    ast.Call: _call,
    ast.Binary: _binary,
}
