"""What every part of the lowering uses: the statements being made, temporaries, assignment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rackplane.compiler import ir
from rackplane.compiler.frontend import types
from rackplane.compiler.frontend.lower_env import Aggregate, Emit, Frame, LowerError, TooLarge, Value
from rackplane.compiler.frontend.lower_fold import constant
from rackplane.compiler.frontend.lower_places import overlap, reads
from rackplane.compiler.frontend.lower_program import ProgramBuilder
from rackplane.compiler.frontend.lower_types import NoLowering, lower_type, natural
from rackplane.compiler.frontend.types import Type

MAX_STEPS = 40_000


class LowererBase:
    """The code of one block ("parser", "ingress", ...) as it is made.

    `_exits` are the copy-outs that an exit must still do, outermost first; `_loops` the labels that break and
    continue go to, innermost last; `_depth` counts the calls that are being inlined.
    """

    def __init__(self, program: ProgramBuilder, block: str) -> None:
        self._program = program
        self._block_name = block
        self._statements: list[ir.Stmt] = []
        self._frame = program.globals
        self._exits: list[Emit] = []
        self._made = 0
        self._depth = 0
        self._loops: tuple[tuple[str, str], ...] = ()

    # Statements

    def _emit(self, statement: ir.Stmt) -> None:
        self._spend(getattr(statement, "span", ir.NOWHERE))
        self._statements.append(statement)

    def _spend(self, span: ir.Span) -> None:
        """Count a step of unfolding.

        Raises:
            TooLarge: when calls and loops unfold without end.
        """
        self._made += 1
        if self._made > MAX_STEPS:
            raise TooLarge(f"calls and loops unfold to more than {MAX_STEPS} statements", span)

    @contextmanager
    def _collect(self) -> Iterator[list[ir.Stmt]]:
        """Statements that are made inside go into the list that this gives."""
        outer = self._statements
        self._statements = []
        try:
            yield self._statements
        finally:
            self._statements = outer

    @contextmanager
    def _in_loop(self, leave: str, again: str) -> Iterator[None]:
        outer = self._loops
        self._loops = (*outer, (leave, again))
        try:
            yield
        finally:
            self._loops = outer

    @contextmanager
    def _in_frame(self, frame: Frame) -> Iterator[None]:
        outer = self._frame
        self._frame = frame
        try:
            yield
        finally:
            self._frame = outer

    # Types

    def _type(self, t: Type, span: ir.Span) -> ir.Type:
        try:
            return lower_type(natural(self._frame.type_of(t)))
        except NoLowering as e:
            raise LowerError(f"a value of the type {e} cannot be held when the program runs", span) from e

    def _scalar_type(self, t: Type, span: ir.Span) -> ir.Bits:
        found = self._type(t, span)
        if isinstance(found, ir.Bits):
            return found
        raise LowerError(f"{t} is no number", span)

    def _is_scalar(self, t: Type) -> bool:
        base = types.underlying(natural(t))
        scalar = isinstance(base, types.Bits | types.SerEnum | types.EnumType | types.ActionRun)
        return scalar or base in (types.BOOL, types.ERROR)

    def _aggregate_type(self, t: Type, span: ir.Span) -> ir.Struct | ir.Header | ir.Union | ir.Stack:
        if isinstance(t, types.ListOf):
            raise LowerError("a list cannot be held when the program runs", span)
        found = self._type(t, span)
        if isinstance(found, ir.Bits | ir.Varbit):
            raise LowerError(f"{t} has no parts", span)
        return found

    # Temporaries

    def _temporary(self, name: str, t: ir.Type) -> ir.Var:
        return self._program.variable(self._block_name, name, t)

    def _saved(self, value: Value, span: ir.Span) -> Value:
        """The value as it is now: what can change later is copied into a temporary."""
        if isinstance(value, str | ir.Const):
            return value
        if isinstance(value, Aggregate):
            if value.parts is None:
                return value
            return Aggregate(value.type, tuple(self._saved(p, span) for p in value.parts))
        copy = self._temporary("tmp", value.type)
        self._emit(ir.Assign(copy, value, span))
        return copy

    def _materialized(self, value: Value, span: ir.Span, t: ir.Type | None = None) -> ir.Place:
        """A place that holds the value."""
        if isinstance(value, str):
            raise LowerError("a string cannot be held when the program runs", span)
        if isinstance(value, ir.Var | ir.Member | ir.Element):
            return value
        target = t if t is not None and isinstance(value, Aggregate) else value.type
        copy = self._temporary("tmp", target)
        self._assign(copy, value, span)
        return copy

    # Assignment

    def _store(self, target: ir.Place | Aggregate, value: Value, span: ir.Span) -> None:
        """target = value, where the target may be a struct that is spread over a header's fields."""
        if not isinstance(target, Aggregate):
            self._assign(target, value, span)
            return
        saved = self._saved(value, span)
        parts = self._parts_of(saved)
        for place, part in zip(target.parts or (), parts, strict=True):
            if not isinstance(place, Aggregate | ir.Place):
                raise LowerError("this is no place that can be written", span)
            self._store(place, part, span)

    def _parts_of(self, value: Value) -> tuple[Value, ...]:
        if isinstance(value, Aggregate):
            return value.parts or ()
        if isinstance(value, ir.Place) and isinstance(value.type, ir.Struct):
            return tuple(ir.Member(value, f.name, f.type) for f in value.type.fields)
        raise TypeError(f"{value} has no parts")

    def _assign(self, target: ir.Place, value: Value, span: ir.Span) -> None:
        if isinstance(value, str):
            raise LowerError("a string cannot be assigned", span)
        if not isinstance(value, Aggregate):
            if value != target:
                self._emit(ir.Assign(target, value, span))
            return
        if any(overlap(target, place) for place in reads(value)):
            saved = self._saved(value, span)
            if not isinstance(saved, Aggregate):
                raise TypeError("an aggregate stays one")
            value = saved
        self._assign_parts(target, value, span)

    def _assign_parts(self, target: ir.Place, value: Aggregate, span: ir.Span) -> None:
        t = target.type
        if isinstance(t, ir.Header):
            self._emit(ir.SetValidity(target, value.parts is not None, span))
        elif value.parts is None:
            self._invalidate(target, span)
        if value.parts is None:
            return
        if isinstance(t, ir.Stack):
            places: list[ir.Place] = [
                ir.Element(target, constant(i, ir.Bits(32)), t.element) for i in range(len(value.parts))
            ]
        elif isinstance(t, ir.Struct | ir.Header | ir.Union):
            places = [ir.Member(target, f.name, f.type) for f in t.fields]
        else:
            raise TypeError(f"{t} has no parts")
        for place, part in zip(places, value.parts, strict=True):
            if isinstance(part, Aggregate):
                self._assign_parts(place, part, span)
            else:
                self._assign(place, part, span)

    def _invalidate(self, place: ir.Place, span: ir.Span) -> None:
        """Make every header of a place invalid."""
        t = place.type
        if isinstance(t, ir.Header):
            self._emit(ir.SetValidity(place, False, span))
        elif isinstance(t, ir.Struct | ir.Union):
            for field in t.fields:
                if not isinstance(field.type, ir.Bits | ir.Varbit):
                    self._invalidate(ir.Member(place, field.name, field.type), span)
        elif isinstance(t, ir.Stack):
            for i in range(t.size):
                self._invalidate(ir.Element(place, constant(i, ir.Bits(32)), t.element), span)
