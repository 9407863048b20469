"""Arguments of calls and the parameters that they are for; sizes of types."""

from __future__ import annotations

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.types import Signature, Type

Bound = list[ast.Expression | None]


def _has_default(parameter: types.Parameter) -> bool:
    declaration = parameter.declaration
    has_value = isinstance(declaration, ast.Parameter) and declaration.default is not None
    return parameter.optional or has_value


def misfit(signature: Signature, arguments: list[ast.Argument]) -> str:
    """Why the arguments do not fit by number and name; empty when they do."""
    parameters = signature.parameters
    named = [a.name for a in arguments if a.name is not None]
    if named and len(named) != len(arguments):
        return "either all arguments have names or none"
    names = [p.name for p in parameters]
    for name in named:
        if name not in names:
            return f"there is no parameter '{name}'"
        if named.count(name) > 1:
            return f"'{name}' is given twice"
    if not named and len(arguments) > len(parameters):
        return f"{len(parameters)} argument(s) are wanted, not {len(arguments)}"
    given = set(named) if named else set(names[: len(arguments)])
    missing = [p.name for p in parameters if p.name not in given and not _has_default(p)]
    if missing:
        return f"there is no argument for {', '.join(repr(m) for m in missing)}"
    return ""


def arranged(signature: Signature, arguments: list[ast.Argument]) -> Bound:
    """The argument for each parameter, None where it is left out."""
    by_name = {a.name: a.expression for a in arguments if a.name is not None}
    if by_name:
        return [by_name.get(p.name) for p in signature.parameters]
    positional: Bound = [a.expression for a in arguments]
    return positional + [None] * (len(signature.parameters) - len(positional))


def has_varbit(t: Type) -> bool:
    """Whether a varbit field is somewhere in a type."""
    t = types.underlying(t)
    if isinstance(t, types.Composite):
        return any(has_varbit(m.type) for m in t.members)
    return isinstance(t, types.Varbit) or (isinstance(t, types.Stack) and has_varbit(t.element))


def size_in_bits(t: Type, largest: bool) -> int | None:
    """minSizeInBits or maxSizeInBits (spec 1.2.5, section 9)."""
    t = types.underlying(t)
    if isinstance(t, types.Varbit):
        return t.width if largest else 0
    if isinstance(t, types.Bits | types.SerEnum) or t == types.BOOL:
        return types.bit_width(t)
    inner: list[Type] | None = None
    if isinstance(t, types.Stack):
        inner = [t.element] * t.size
    elif isinstance(t, types.Tuple):
        inner = list(t.items)
    elif isinstance(t, types.Composite):
        inner = [m.type for m in t.members]
    sizes = [size_in_bits(i, largest) for i in inner or ()]
    known = [s for s in sizes if s is not None]
    if inner is None or len(known) != len(sizes):
        return None
    if types.is_union(t):
        return max(known, default=0) if largest else min(known, default=0)
    return sum(known)
