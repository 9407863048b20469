"""Parsers: states and what they select by."""

from __future__ import annotations

from dataclasses import dataclass

from rackplane.compiler.ir.exprs import Expr
from rackplane.compiler.ir.source import NOWHERE, Span
from rackplane.compiler.ir.stmts import Stmt


@dataclass(frozen=True)
class ValueSetRef:
    """A select label that names a parser value set."""

    name: str


@dataclass(frozen=True)
class Masked:
    """A select label or const entry element: value &&& mask (a plain value has an all-ones mask, _ has 0)."""

    value: int
    mask: int


@dataclass(frozen=True)
class Interval:
    """low .. high, both included."""

    low: int
    high: int


@dataclass(frozen=True)
class SelectCase:
    """One case of a select: one label per key (or one ValueSetRef for the whole key), and the next state."""

    labels: tuple[Masked | Interval | ValueSetRef, ...]
    next: str


@dataclass(frozen=True)
class Select:
    """transition select(keys) {cases}; no match raises error.NoMatch. The direct form has no keys."""

    keys: tuple[Expr, ...]
    cases: tuple[SelectCase, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class State:
    """A parser state. `accept` and `reject` are not listed; they are the names that end the parser."""

    name: str
    body: tuple[Stmt, ...]
    transition: Select | str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Parser:
    """A flat parser: `start` is the first state."""

    name: str
    states: tuple[State, ...]
