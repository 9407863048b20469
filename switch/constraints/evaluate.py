"""Types and values of constraints: a syntax tree becomes a function of an entry.

A match field is a value of its own kind: exact (value,), ternary and optional (value, mask), lpm (value, prefix
length), range (low, high). A number becomes bit<W> modulo 2**W where a bit<W> stands on the other side, and a
bit<W> becomes the match that takes nothing else where a match field does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rackplane.switch.constraints import syntax
from rackplane.switch.constraints.syntax import ConstraintError, Expression

BOOL, INT, BITS = "bool", "int", "bit"
MATCHES = ("exact", "ternary", "lpm", "range", "optional")

_FIELDS = {
    "exact": ("value",),
    "ternary": ("value", "mask"),
    "optional": ("value", "mask"),
    "lpm": ("value", "prefix_length"),
    "range": ("low", "high"),
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}

Value = bool | int | tuple[int, ...]


@dataclass(frozen=True)
class Type:
    """bool, int, bit<width>, or a match field of a kind and width."""

    kind: str
    width: int = 0

    def __str__(self) -> str:
        return f"{self.kind}<{self.width}>" if self.width else self.kind


@dataclass(frozen=True)
class Subject:
    """What a constraint is evaluated on: the match fields (or parameters) by name, and the priority."""

    keys: Mapping[str, Value]
    priority: int = 0


Evaluate = Callable[[Subject], Value]


@dataclass(frozen=True)
class Constraint:
    """A checked constraint: its parts, all of which must hold, each with its text and the keys that it names."""

    parts: tuple[Part, ...]

    def broken_by(self, subject: Subject) -> Part | None:
        """Return the first part that does not hold."""
        return next((part for part in self.parts if not part.holds(subject)), None)


@dataclass(frozen=True)
class Part:
    """One of the conditions that a constraint consists of."""

    text: str
    keys: tuple[str, ...]
    holds: Evaluate


def compile_constraint(text: str, keys: Mapping[str, Type]) -> Constraint:
    """Parse and check a constraint over keys of these types; ConstraintError."""
    tree = syntax.parse(text)
    checker = _Checker(text, keys)
    parts = tree.parts if isinstance(tree, syntax.Chain) and tree.operator == "&&" else (tree,)
    return Constraint(tuple(checker.part(part) for part in parts))


class _Checker:
    def __init__(self, text: str, keys: Mapping[str, Type]) -> None:
        self._text = text
        self._keys = keys
        self._used: list[str] = []

    def part(self, tree: Expression) -> Part:
        """Check one condition."""
        self._used = []
        holds = self._bool(tree)
        text = " ".join(self._text[tree.span.start : tree.span.end].split())
        return Part(text, tuple(dict.fromkeys(self._used)), holds)

    def _error(self, message: str, tree: Expression) -> ConstraintError:
        return ConstraintError(message, self._text, tree.span.start)

    def _bool(self, tree: Expression) -> Evaluate:
        kind, evaluate = self._expression(tree)
        if kind.kind != BOOL:
            raise self._error(f"a condition is expected, not a value of type {kind}", tree)
        return evaluate

    def _expression(self, tree: Expression) -> tuple[Type, Evaluate]:
        match tree:
            case syntax.Literal():
                value = tree.value
                checked: tuple[Type, Evaluate] = (Type(BOOL if isinstance(value, bool) else INT), lambda _: value)
            case syntax.Key():
                checked = self._key(tree)
            case syntax.Attribute():
                checked = self._attribute(tree)
            case syntax.Projection():
                checked = self._projection(tree)
            case syntax.Unary():
                checked = self._unary(tree)
            case syntax.Chain():
                checked = Type(BOOL), self._chain(tree)
            case syntax.Binary():
                checked = Type(BOOL), self._implies(tree) if tree.operator == "->" else self._comparison(tree)
        return checked

    def _attribute(self, tree: syntax.Attribute) -> tuple[Type, Evaluate]:
        if tree.name != "priority":
            raise self._error(f"an entry has no ::{tree.name}; it has ::priority", tree)
        return Type(INT), lambda subject: subject.priority

    def _key(self, tree: syntax.Key) -> tuple[Type, Evaluate]:
        name = tree.name
        if name not in self._keys:
            raise self._error(f"there is no {name}; there are {', '.join(self._keys) or 'no names'}", tree)
        if self._keys[name].kind not in (*MATCHES, BITS) or not self._keys[name].width:
            raise self._error(f"{name} is of a type that constraints cannot speak of", tree)
        self._used.append(name)
        return self._keys[name], lambda subject: subject.keys[name]

    def _projection(self, tree: syntax.Projection) -> tuple[Type, Evaluate]:
        kind, of = self._expression(tree.of)
        fields = _FIELDS.get(kind.kind, ())
        if tree.name not in fields:
            has = ", ".join(fields) or "no fields"
            raise self._error(f"a value of type {kind} has no ::{tree.name}; it has {has}", tree)
        at = fields.index(tree.name)
        found = Type(INT) if tree.name == "prefix_length" else Type(BITS, kind.width)
        return found, lambda subject: _field(of(subject), at)

    def _unary(self, tree: syntax.Unary) -> tuple[Type, Evaluate]:
        if tree.operator == "!":
            inner = self._bool(tree.operand)
            return Type(BOOL), lambda subject: not inner(subject)
        kind, operand = self._expression(tree.operand)
        if kind.kind != INT:
            raise self._error(f"a number is expected after '-', not a value of type {kind}", tree)
        return kind, lambda subject: -_number(operand(subject))

    def _chain(self, tree: syntax.Chain) -> Evaluate:
        parts = [self._bool(part) for part in tree.parts]
        if tree.operator == "&&":
            return lambda subject: all(part(subject) for part in parts)
        return lambda subject: any(part(subject) for part in parts)

    def _implies(self, tree: syntax.Binary) -> Evaluate:
        left, right = self._bool(tree.left), self._bool(tree.right)
        return lambda subject: not left(subject) or bool(right(subject))

    def _comparison(self, tree: syntax.Binary) -> Evaluate:
        left_type, left = self._expression(tree.left)
        right_type, right = self._expression(tree.right)
        common = _join(left_type, right_type)
        if common is None:
            raise self._error(f"{left_type} and {right_type} cannot be compared", tree)
        if tree.operator not in ("==", "!=") and common.kind not in (INT, BITS, "exact"):
            raise self._error(f"values of type {common} have no order", tree)
        compare = _COMPARE[tree.operator]
        left, right = _converted(left, left_type, common), _converted(right, right_type, common)
        return lambda subject: compare(left(subject), right(subject))


def _join(a: Type, b: Type) -> Type | None:
    """The type that both can become."""
    low, high = (a, b) if _rank(a) <= _rank(b) else (b, a)
    if low == high or (low.kind == INT and high.kind != BOOL):
        return high
    return high if low.kind == BITS and high.kind in MATCHES and low.width == high.width else None


def _rank(kind: Type) -> int:
    return {INT: 0, BITS: 1}.get(kind.kind, 2)


def _converted(evaluate: Evaluate, given: Type, wanted: Type) -> Evaluate:
    if given == wanted:
        return evaluate
    if given.kind == INT:
        full = (1 << wanted.width) - 1
        bits = _masked(evaluate, full)
        return bits if wanted.kind == BITS else _converted(bits, Type(BITS, wanted.width), wanted)
    other = {"ternary": (1 << given.width) - 1, "lpm": given.width}
    other["optional"] = other["ternary"]
    if wanted.kind == "exact":
        return lambda subject: (_number(evaluate(subject)),)
    if wanted.kind == "range":
        return lambda subject: (_number(evaluate(subject)),) * 2
    second = other[wanted.kind]
    return lambda subject: (_number(evaluate(subject)), second)


def _masked(evaluate: Evaluate, full: int) -> Evaluate:
    return lambda subject: _number(evaluate(subject)) & full


def _number(value: Value) -> int:
    if isinstance(value, tuple):
        raise TypeError("the checker lets no match field be a number")
    return int(value)


def _field(value: Value, at: int) -> int:
    if not isinstance(value, tuple):
        raise TypeError("the checker lets nothing but match fields have fields")
    return value[at]
