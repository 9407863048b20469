"""Parameters bound to arguments: by copy-in and copy-out, or by the argument's place where nobody can tell
(spec 1.2.5, section 6.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.ast_walk import is_pure
from rackplane.compiler.frontend.lower_env import (
    Aggregate,
    BlockInstance,
    Emit,
    ExternInstance,
    Frame,
    LowerError,
    PacketObject,
    Value,
)
from rackplane.compiler.frontend.lower_exprs import ExpressionLowerer
from rackplane.compiler.frontend.lower_places import is_fixed, overlap, reads
from rackplane.compiler.frontend.types import Direction

OBJECTS = (types.Extern, types.Block, types.Package)


@dataclass(frozen=True)
class Sharing:
    """Which arguments may be bound by place: those that overlap none of `captured` (None: never)."""

    captured: tuple[ir.Expr, ...] | None = ()


@dataclass(frozen=True)
class _Call:
    """A call whose parameters are being bound: the places that it writes, and what must be done after it."""

    places: tuple[ir.Expr, ...]
    sharing: Sharing
    variables: dict[ast.Declaration, ir.Var] | None
    after: list[Emit] = field(default_factory=list)


@dataclass(frozen=True)
class _Given:
    """A parameter with the value or place of its argument."""

    parameter: types.Parameter
    declaration: ast.Parameter
    value: Value | None
    span: ir.Span


class BindingLowerer(ExpressionLowerer):
    """Parameters and arguments."""

    def _bind_arguments(
        self,
        frame: Frame,
        resolved: ast.Resolved,
        sharing: Sharing,
        variables: dict[ast.Declaration, ir.Var] | None = None,
    ) -> list[Emit]:
        """Bind the parameters of a call in a new frame; returns what must be done after the body.

        `variables` keeps the variables of parameters that are copied, for instances whose code is made once and
        entered several times.
        """
        pairs = list(zip(resolved.parameters, resolved.arguments, strict=True))
        values = self._argument_values(pairs)
        places = tuple(
            v for (p, _), v in zip(pairs, values, strict=True) if p.direction.writes and isinstance(v, ir.Expr)
        )
        call = _Call(places, sharing, variables)
        for (parameter, argument), value in zip(pairs, values, strict=True):
            declaration = parameter.declaration
            if not isinstance(declaration, ast.Parameter):
                raise TypeError(f"the parameter {parameter.name} has no declaration")
            if isinstance(value, ExternInstance | BlockInstance | PacketObject):
                frame.bindings[declaration] = value
                continue
            given = _Given(
                parameter, declaration, value, argument.span if argument is not None else declaration.span
            )
            bind = self._written if parameter.direction.writes else self._read_only
            frame.bindings[declaration] = bind(call, given)
        return call.after

    def _argument_values(
        self, pairs: list[tuple[types.Parameter, ast.Expression | None]]
    ) -> list[Value | ExternInstance | BlockInstance | PacketObject | None]:
        last_impure = max((i for i, (_, a) in enumerate(pairs) if a is not None and not is_pure(a)), default=-1)
        found: list[Value | ExternInstance | BlockInstance | PacketObject | None] = []
        for index, (parameter, argument) in enumerate(pairs):
            if argument is None:
                found.append(self._default_argument(parameter))
            elif isinstance(self._frame.type_of(parameter.type), OBJECTS):
                found.append(self._object(argument))
            elif isinstance(argument, ast.Anything):
                found.append(None)
            elif parameter.direction.writes:
                found.append(self._fixed_target(argument))
            else:
                value = self._value(argument)
                found.append(self._saved(value, argument.span) if index < last_impure else value)
        return found

    def _default_argument(self, parameter: types.Parameter) -> Value | None:
        declaration = parameter.declaration
        if isinstance(declaration, ast.Parameter) and declaration.default is not None:
            with self._in_frame(self._program.globals):
                return self._value(declaration.default)
        return None

    def _fixed_target(self, e: ast.Expression) -> ir.Place | Aggregate:
        """The target of a write, with its indexes evaluated now."""
        value = self._target(e)
        return value if isinstance(value, Aggregate) else self._frozen(value, e.span)

    def _fixed_place(self, e: ast.Expression) -> ir.Place:
        """The place of a write, with its indexes evaluated now."""
        value = self._fixed_target(e)
        if isinstance(value, Aggregate):
            raise LowerError("a struct inside of a header cannot stand here", e.span)
        return value

    def _frozen(self, place: ir.Place, span: ir.Span) -> ir.Place:
        if is_fixed(place) or isinstance(place, ir.StackNext | ir.StackLast):
            return place
        if isinstance(place, ir.Member):
            return ir.Member(self._frozen(place.base, span), place.name, place.type)
        if isinstance(place, ir.Slice) and isinstance(place.base, ir.Place):
            return ir.Slice(self._frozen(place.base, span), place.high, place.low)
        if isinstance(place, ir.Element):
            index = self._saved(place.index, span)
            if isinstance(index, ir.Expr):
                return ir.Element(self._frozen(place.base, span), index, place.type)
        return place

    def _target(self, e: ast.Expression) -> ir.Place | Aggregate:
        value = self._value(e)
        if isinstance(value, ir.Place | Aggregate):
            return value
        raise LowerError("this is no place that can be written", e.span)

    def _object(self, e: ast.Expression) -> ExternInstance | BlockInstance | PacketObject:
        if isinstance(e, ast.Path) and e.declaration is not None:
            found = self._frame.find(e.declaration)
            if isinstance(found, ExternInstance | BlockInstance | PacketObject):
                return found
        raise LowerError("an object must be given by its name here", e.span)

    def _copy_of(self, call: _Call, given: _Given, t: ir.Type) -> ir.Var:
        """The variable of a parameter that is copied."""
        if call.variables is None:
            return self._temporary(given.parameter.name, t)
        known = call.variables.get(given.declaration)
        if known is None:
            known = call.variables[given.declaration] = self._temporary(given.parameter.name, t)
        return known

    def _written(self, call: _Call, given: _Given) -> Value:
        target = given.value
        if isinstance(target, ir.Place) and self._may_share(target, call):
            if given.parameter.direction is Direction.OUT:
                self._fresh(target, given.span)
            return target
        t = target.type if isinstance(target, ir.Place) else self._type(given.parameter.type, given.span)
        copy = self._copy_of(call, given, t)
        if not isinstance(target, ir.Place | Aggregate):
            self._fresh(copy, given.span)
            return copy
        if given.parameter.direction is Direction.INOUT:
            self._assign(copy, target, given.span)
        else:
            self._fresh(copy, given.span)
        call.after.append(lambda: self._store(target, copy, given.span))
        return copy

    def _fresh(self, place: ir.Place, span: ir.Span) -> None:
        """An out parameter starts with invalid headers."""
        if not isinstance(place.type, ir.Bits | ir.Varbit):
            self._invalidate(place, span)

    def _may_share(self, place: ir.Place, call: _Call) -> bool:
        captured = call.sharing.captured
        if captured is None or not is_fixed(place):
            return False
        others = [p for p in call.places if p is not place]
        return not any(overlap(place, other) for other in (*others, *captured))

    def _read_only(self, call: _Call, given: _Given) -> Value:
        value, captured = given.value, call.sharing.captured
        if value is None:
            return self._zero(self._type(given.parameter.type, given.span))
        if isinstance(value, str):
            return value
        if captured is not None:
            written = (*call.places, *captured)
            if _is_cheap(value) and not any(overlap(r, w) for r in reads(value) for w in written):
                return value
        copy = self._copy_of(call, given, value.type)
        self._assign(copy, value, given.span)
        return copy


def _is_cheap(value: Value) -> bool:
    """Whether a value may be evaluated several times."""
    if isinstance(value, Aggregate):
        return value.parts is None or all(_is_cheap(p) for p in value.parts)
    return isinstance(value, str | ir.Const) or is_fixed(value)
