"""Inference of type arguments by unification (spec 1.2.5, section 8.17 on calls)."""

from __future__ import annotations

from rackplane.compiler.frontend import types
from rackplane.compiler.frontend.types import Bindings, Type, TypeVar


def unify(formal: Type, actual: Type, variables: frozenset[TypeVar], bound: Bindings) -> bool:
    """Bind the variables in `formal` so that it becomes `actual`; False when their shapes differ.

    Whether the result converts to the bound type is not decided here: literals fit many types.
    """
    if isinstance(formal, TypeVar) and formal in variables:
        return _bind(formal, actual, bound)
    if isinstance(actual, types.Unknown | types.DontCare) or isinstance(formal, types.DontCare) or formal == actual:
        return True
    if types.is_literal(actual):
        return _literal(formal, actual, variables, bound)
    if not types.is_generic(formal):
        return True
    pairs = _pairs(formal, actual)
    if pairs is None:
        return False
    return all(unify(f, a, variables, bound) for f, a in pairs)


def _bind(variable: TypeVar, actual: Type, bound: Bindings) -> bool:
    known = bound.get(variable)
    if isinstance(actual, types.DontCare | types.Unknown):
        if known is None and isinstance(actual, types.Unknown):
            bound[variable] = actual
        return True
    if known is None or isinstance(known, types.Unknown | types.Integer) or types.is_literal(known):
        bound[variable] = _natural(actual) if known is None else _better(known, actual)
        return True
    if known == actual or isinstance(actual, types.Integer) or types.is_literal(actual):
        return True
    if isinstance(actual, types.SerEnum) and actual.underlying == known:
        return True
    if isinstance(known, types.SerEnum) and known.underlying == actual:
        bound[variable] = actual
        return True
    return False


def _better(known: Type, actual: Type) -> Type:
    if isinstance(known, types.Integer) and not isinstance(actual, types.Bits | types.SerEnum | types.NewType):
        return known
    return _natural(actual)


def _natural(t: Type) -> Type:
    """The type that a literal has where nothing else is known."""
    if isinstance(t, types.Sequence) and not t.dots:
        return types.Tuple(tuple(_natural(i) for i in t.items))
    return t


def _literal(formal: Type, actual: Type, variables: frozenset[TypeVar], bound: Bindings) -> bool:
    formal = types.underlying(formal)
    if isinstance(actual, types.Sequence):
        inner: list[Type] = []
        if isinstance(formal, types.Tuple):
            inner = list(formal.items)
        elif isinstance(formal, types.Composite):
            inner = [m.type for m in formal.members]
        elif isinstance(formal, types.Stack | types.ListOf):
            inner = [formal.element] * len(actual.items)
        return all(unify(f, a, variables, bound) for f, a in zip(inner, actual.items, strict=False))
    if isinstance(actual, types.Record) and isinstance(formal, types.Composite):
        given = dict(actual.items)
        return all(unify(m.type, given[m.name], variables, bound) for m in formal.members if m.name in given)
    return True


def _pairs(formal: Type, actual: Type) -> list[tuple[Type, Type]] | None:
    if isinstance(formal, types.Tuple) and isinstance(actual, types.Tuple):
        return _zip(formal.items, actual.items)
    if isinstance(formal, types.Stack) and isinstance(actual, types.Stack):
        return [(formal.element, actual.element)] if formal.size == actual.size else None
    if isinstance(formal, types.ListOf) and isinstance(actual, types.ListOf):
        return [(formal.element, actual.element)]
    if isinstance(formal, types.Block) and isinstance(actual, types.Block):
        return _blocks(formal, actual)
    generic = (types.Composite, types.Extern, types.Package)
    if isinstance(formal, generic) and isinstance(actual, generic) and type(formal) is type(actual):
        return _zip(formal.arguments, actual.arguments) if formal.name == actual.name else None
    return None


def _blocks(formal: types.Block, actual: types.Block) -> list[tuple[Type, Type]] | None:
    if formal.kind != actual.kind or len(formal.apply) != len(actual.apply):
        return None
    if any(f.direction is not a.direction for f, a in zip(formal.apply, actual.apply, strict=True)):
        return None
    return [(f.type, a.type) for f, a in zip(formal.apply, actual.apply, strict=True)]


def _zip(first: tuple[Type, ...], second: tuple[Type, ...]) -> list[tuple[Type, Type]] | None:
    return list(zip(first, second, strict=True)) if len(first) == len(second) else None
