"""Statements, of parser states and of controls."""

from __future__ import annotations

from dataclasses import dataclass

from rackplane.compiler.ir.exprs import Expr, Place, Var
from rackplane.compiler.ir.source import NOWHERE, Span


@dataclass(frozen=True)
class Assign:
    """target = value; value may be a place of header, struct, union or stack type (a copy of all of it)."""

    target: Place
    value: Expr
    span: Span = NOWHERE


@dataclass(frozen=True)
class If:
    """if (condition) then else otherwise."""

    condition: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] = ()
    span: Span = NOWHERE


@dataclass(frozen=True)
class SwitchCase:
    """One arm: the labels (empty for default) and its body. Fall-through is resolved by the front end."""

    labels: tuple[int, ...]
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Switch:
    """switch over a bits value; at most one case has no labels (default). No fall-through."""

    selector: Expr
    cases: tuple[SwitchCase, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class Scope:
    """A body that a Leave of the same label jumps to the end of (an inlined action, function, control)."""

    label: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Leave:
    """Jump to the end of the enclosing Scope `label`: P4's return."""

    label: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Exit:
    """P4's exit: ends the whole top-level control."""

    span: Span = NOWHERE


@dataclass(frozen=True)
class Loop:
    """A for loop, run at most `bound` times (P4_16 1.2.5); break and continue are Leave of inner scopes."""

    label: str
    condition: Expr
    body: tuple[Stmt, ...]
    bound: int
    span: Span = NOWHERE


@dataclass(frozen=True)
class SetValidity:
    """header.setValid() or setInvalid(); on a union member setValid invalidates the others."""

    header: Place
    valid: bool
    span: Span = NOWHERE


@dataclass(frozen=True)
class ShiftStack:
    """stack.push_front(count), or pop_front when count is negative."""

    stack: Place
    count: int
    span: Span = NOWHERE


@dataclass(frozen=True)
class ApplyTable:
    """table.apply(); `hit` and `action` are variables that receive the result where the program uses it.

    `action` is bit<32>: the index of the action that ran in Table.actions.
    """

    table: str
    hit: Var | None = None
    action: Var | None = None
    span: Span = NOWHERE


@dataclass(frozen=True)
class CallExtern:
    """A v1model extern function or a method of an extern instance.

    name: "mark_to_drop", "hash", "digest", "random", "clone", "clone_preserving_field_list",
    "resubmit_preserving_field_list", "recirculate_preserving_field_list", "truncate", "assert", "assume",
    "log_msg", "verify_checksum", "update_checksum", the two ..._with_payload, or
    "register.read", "register.write", "counter.count", "direct_counter.count", "meter.execute_meter",
    "direct_meter.read". `instance` names the extern instance of a method. Arguments are in declaration order;
    out and inout arguments are places; a list or struct argument is a tuple of leaf expressions in order
    (headers and structs already expanded to their fields).
    Enum arguments (HashAlgorithm, CloneType) are Const of the member's index in v1model's declaration.
    """

    name: str
    arguments: tuple[Argument, ...]
    instance: str | None = None
    span: Span = NOWHERE


Argument = Expr | tuple[Expr, ...] | str


@dataclass(frozen=True)
class Extract:
    """packet.extract(header[, varbit_bits]) in a parser; extract(_) is lowered to Advance."""

    header: Place
    varbit_bits: Expr | None = None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Advance:
    """packet.advance(bits)."""

    bits: Expr
    span: Span = NOWHERE


@dataclass(frozen=True)
class Verify:
    """verify(condition, error) in a parser: on false sets parser_error and goes to reject."""

    condition: Expr
    error: int
    span: Span = NOWHERE


@dataclass(frozen=True)
class Emit:
    """packet.emit(header) in a deparser: of one header, union, stack, or struct (members in order)."""

    header: Place
    span: Span = NOWHERE


@dataclass(frozen=True)
class Trace:
    """Note that the packet came here, with these values: numbers, and headers as places.

    The front end makes none; `site` indexes what backend.instrument says of the traced program.
    """

    site: int
    values: tuple[Expr, ...] = ()
    span: Span = NOWHERE


Stmt = (
    Assign
    | If
    | Switch
    | Scope
    | Leave
    | Exit
    | Loop
    | SetValidity
    | ShiftStack
    | ApplyTable
    | CallExtern
    | Extract
    | Advance
    | Verify
    | Emit
    | Trace
)
