"""Expressions to the IR: side effects go into statements in front, in evaluation order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, lower_fold, types
from rackplane.compiler.frontend.ast_walk import is_pure
from rackplane.compiler.frontend.lower_base import LowererBase
from rackplane.compiler.frontend.lower_env import Aggregate, LowerError, Value
from rackplane.compiler.frontend.lower_fold import bits_of, constant
from rackplane.compiler.frontend.lower_types import header_fields, leaves, natural
from rackplane.compiler.frontend.types import Type
from rackplane.compiler.frontend.values import Value as Known

_LITERALS = (ast.ListExpression, ast.StructExpression, ast.InvalidExpression, ast.Dots)


class ExpressionLowerer(LowererBase):
    """Expressions."""

    def _value(self, e: ast.Expression) -> Value:
        """The value of an expression in the type that its place wants."""
        source = self._frame.type_of(e.type)
        target = self._frame.type_of(e.target) if e.target is not None else source
        if e.value is not None and not isinstance(e, _LITERALS):
            return self._known(e.value, target, e.span)
        if isinstance(e, _LITERALS):
            return self._literal(e, target)
        value = _HANDLERS[type(e)](self, e)
        if source != target and not types.is_literal(source):
            return self._converted(value, target, e.span)
        return value

    def _scalar(self, e: ast.Expression) -> ir.Expr:
        """The value of an expression that is a number, bool, enum, error or varbit."""
        value = self._value(e)
        if isinstance(value, Aggregate | str):
            raise LowerError("this is no number", e.span)
        return value

    def _known(self, value: Known, t: Type, span: ir.Span) -> Value:
        """A compile-time value in the IR."""
        base = types.underlying(natural(t))
        if isinstance(value, str):
            return value
        if isinstance(value, tuple):
            return self._known_parts(value, base, span)
        if isinstance(t, types.Integer) and value.bit_length() > 32:
            return constant(value, ir.Bits(value.bit_length()))
        return constant(int(value), self._scalar_type(base, span))

    def _known_parts(self, values: tuple[Known, ...], base: Type, span: ir.Span) -> Value:
        inner = self._part_types(base, len(values))
        parts = tuple(self._known(v, t, span) for v, t in zip(values, inner, strict=True))
        return self._composed(self._aggregate_type(base, span), parts)

    def _part_types(self, base: Type, count: int) -> list[Type]:
        if isinstance(base, types.Composite):
            return [m.type for m in base.members]
        if isinstance(base, types.Tuple | types.Sequence):
            return list(base.items)
        if isinstance(base, types.Stack | types.ListOf):
            return [base.element] * count
        raise TypeError(f"{base} has no parts")

    def _converted(self, value: Value, target: Type, span: ir.Span) -> Value:
        base = types.underlying(target)
        if isinstance(value, Aggregate | str) or not isinstance(value.type, ir.Bits):
            return value
        if isinstance(base, types.Integer):
            return value
        return lower_fold.cast(value, self._scalar_type(base, span))

    # Literals

    def _literal(self, e: ast.Expression, target: Type) -> Value:
        base = types.underlying(natural(target))
        if isinstance(e, ast.Dots):
            return self._default(base, e.span)
        if isinstance(e, ast.InvalidExpression):
            t = self._aggregate_type(base, e.span)
            return Aggregate(t, None)
        if isinstance(base, types.Record):
            raise LowerError("the type of this struct expression is not known: write a cast in front", e.span)
        if isinstance(e, ast.StructExpression):
            given = {f.name: f.expression for f in e.fields}
            if not isinstance(base, types.Composite):
                raise LowerError(f"a struct expression cannot become {base}", e.span)
            expressions = [given.get(m.name) for m in base.members]
        else:
            items: list[ast.Expression | None] = list(e.items) if isinstance(e, ast.ListExpression) else []
            inner = self._part_types(base, len(items))
            expressions = items + [None] * (len(inner) - len(items))
        inner = self._part_types(base, len(expressions))
        return self._composed(self._aggregate_type(base, e.span), self._parts(expressions, inner, e.span))

    def _parts(
        self, expressions: list[ast.Expression | None], inner: list[Type], span: ir.Span
    ) -> tuple[Value, ...]:
        given = iter(self._ordered([x for x in expressions if x is not None]))
        pairs = zip(expressions, inner, strict=True)
        return tuple(self._default(t, span) if x is None else next(given) for x, t in pairs)

    def _default(self, t: Type, span: ir.Span) -> Value:
        base = types.underlying(t)
        if types.is_header(base) or types.is_union(base):
            return Aggregate(self._aggregate_type(base, span), None)
        if isinstance(base, types.Stack):
            inner = [base.element] * base.size
        elif isinstance(base, types.Composite | types.Tuple):
            inner = self._part_types(base, 0)
        else:
            return constant(0, self._scalar_type(base, span))
        return Aggregate(self._aggregate_type(base, span), tuple(self._default(i, span) for i in inner))

    def _ordered(self, expressions: Sequence[ast.Expression]) -> list[Value]:
        """The values of several expressions, evaluated from left to right."""
        last_impure = max((i for i, e in enumerate(expressions) if not is_pure(e)), default=-1)
        values: list[Value] = []
        for index, e in enumerate(expressions):
            value = self._value(e)
            values.append(self._saved(value, e.span) if index < last_impure else value)
        return values

    def _ordered_scalars(self, *expressions: ast.Expression) -> list[ir.Expr]:
        values = self._ordered(expressions)
        found: list[ir.Expr] = []
        for value, e in zip(values, expressions, strict=True):
            if isinstance(value, Aggregate | str):
                raise LowerError("this is no number", e.span)
            found.append(value)
        return found

    # Leaves and places

    def _path(self, e: ast.Path) -> Value:
        if e.declaration is None:
            raise LowerError(f"'{e.name}' has no value", e.span)
        found = self._frame.find(e.declaration)
        if found is None and isinstance(e.declaration, ast.Constant):
            return self._constant_aggregate(e.declaration)
        if not isinstance(found, Aggregate | str | _EXPRESSIONS):
            raise LowerError(f"'{e.name}' cannot be used as a value", e.span)
        return found

    def _constant_aggregate(self, declaration: ast.Constant) -> Value:
        return self._value(declaration.initializer)

    def _member(self, e: ast.Member) -> Value:
        if isinstance(e.base, ast.Call) and isinstance(e.base.type, types.ApplyResult):
            return self._apply_member(e, e.base)
        base = self._value(e.base)
        if isinstance(base, Aggregate):
            return self._part(base, e)
        if isinstance(base, str) or not isinstance(base, _PLACES):
            raise LowerError(f"'{e.name}' is taken from what is no struct", e.span)
        base_type = base.type
        if isinstance(base_type, ir.Stack):
            return self._stack_member(base, base_type, e.name)
        if isinstance(base_type, ir.Header):
            return self._header_member(base, e)
        if isinstance(base_type, ir.Struct | ir.Union):
            found = next(f for f in base_type.fields if f.name == e.name)
            return ir.Member(base, e.name, found.type)
        raise LowerError(f"'{e.name}' is taken from what is no struct", e.span)

    def _header_member(self, base: ir.Place, e: ast.Member) -> Value:
        owner = types.underlying(self._frame.type_of(e.base.type))
        if not isinstance(owner, types.Composite):
            raise LowerError(f"'{e.name}' is taken from what is no header", e.span)
        member = next(m for m in header_fields(owner) if m.name == e.name)
        places: list[Value] = [ir.Member(base, f.name, f.type) for f in member.fields]
        if member.struct is None:
            return places[0]
        return _gathered(member.struct, iter(places))

    def _part(self, base: Aggregate, e: ast.Member) -> Value:
        if isinstance(base.type, ir.Header):
            return self._header_part(base, e)
        if not isinstance(base.type, ir.Stack):
            for index, field in enumerate(base.type.fields):
                if field.name == e.name:
                    if base.parts is not None:
                        return base.parts[index]
                    return self._zero(field.type)
        raise LowerError(f"'{e.name}' is taken from what is no struct", e.span)

    def _header_part(self, base: Aggregate, e: ast.Member) -> Value:
        owner = types.underlying(self._frame.type_of(e.base.type))
        members = header_fields(owner) if isinstance(owner, types.Composite) else []
        start = 0
        for member in members:
            end = start + len(member.fields)
            if member.name == e.name:
                parts = (
                    base.parts[start:end] if base.parts is not None else [self._zero(f.type) for f in member.fields]
                )
                return parts[0] if member.struct is None else _gathered(member.struct, iter(parts))
            start = end
        raise LowerError(f"'{e.name}' is taken from what is no header", e.span)

    def _composed(self, t: ir.Struct | ir.Header | ir.Union | ir.Stack, parts: tuple[Value, ...]) -> Aggregate:
        """An aggregate of its members; a header holds the fields of its structs itself."""
        if isinstance(t, ir.Header):
            return Aggregate(t, tuple(leaf for part in parts for leaf in self._leaf_values(part)))
        return Aggregate(t, parts)

    def _zero(self, t: ir.Type) -> Value:
        if isinstance(t, ir.Bits):
            return constant(0, t)
        if isinstance(t, ir.Struct):
            return Aggregate(t, tuple(self._zero(f.type) for f in t.fields))
        if isinstance(t, ir.Header | ir.Union | ir.Stack):
            return Aggregate(t, None)
        raise TypeError("a varbit has no literal")

    def _stack_member(self, base: ir.Place, t: ir.Stack, name: str) -> Value:
        if name == "next":
            return ir.StackNext(base, t.element)
        if name == "last":
            return ir.StackLast(base, t.element)
        return ir.StackIndex(base)

    def _index(self, e: ast.Index) -> Value:
        if isinstance(e.base.type, types.Tuple):
            base = self._value(e.base)
            position = e.index.value
            if isinstance(base, Aggregate) and base.parts is not None and isinstance(position, int):
                return base.parts[position]
            if isinstance(base, _PLACES) and isinstance(base.type, ir.Struct) and isinstance(position, int):
                field = base.type.fields[position]
                return ir.Member(base, field.name, field.type)
            raise LowerError("this tuple has no elements", e.span)
        place = self._place(e.base)
        index = self._scalar(e.index)
        if not isinstance(place.type, ir.Stack):
            raise LowerError("only stacks and tuples are indexed", e.span)
        return ir.Element(place, index, place.type.element)

    def _place(self, e: ast.Expression) -> ir.Place:
        """The place of an expression; a value that has none is put into a temporary."""
        value = self._value(e)
        if isinstance(value, _PLACES) and not (isinstance(value, ir.Slice) and not isinstance(value.base, _PLACES)):
            return value
        return self._materialized(value, e.span)

    # Operators

    def _unary(self, e: ast.Unary) -> Value:
        operand = self._scalar(e.operand)
        return lower_fold.unary(e.operator, operand, bits_of(operand))

    def _binary(self, e: ast.Binary) -> Value:
        if e.operator in ("&&", "||"):
            return self._short_circuit(e)
        if e.operator in ("==", "!="):
            return self._equality(e)
        left, right = self._ordered_scalars(e.left, e.right)
        if e.operator == "++":
            a, b = bits_of(left), bits_of(right)
            return lower_fold.concat(left, right, ir.Bits(a.width + b.width, a.signed))
        if e.operator in ("/", "%"):
            return self._division(e, left, right)
        comparison = e.operator in ("<", "<=", ">", ">=")
        return lower_fold.binary(e.operator, left, right, ir.BOOL if comparison else bits_of(left))

    def _division(self, e: ast.Binary, left: ir.Expr, right: ir.Expr) -> Value:
        """Division by powers of two is a shift; v1model's targets have no other while the program runs."""
        t = bits_of(left)
        if isinstance(left, ir.Const) and left.value == 0:
            return left
        if isinstance(right, ir.Const):
            divisor = right.value
            if isinstance(left, ir.Const) or divisor == 1:
                return lower_fold.binary(e.operator, left, right, t)
            if divisor > 0 and divisor & (divisor - 1) == 0:
                if e.operator == "/":
                    return lower_fold.binary(">>", left, constant(divisor.bit_length() - 1, t), t)
                return lower_fold.binary("&", left, constant(divisor - 1, t), t)
        raise LowerError(
            f"'{e.operator}' works on numbers that are known at compile time",
            e.span,
            "a divisor may be a power of two",
        )

    def _short_circuit(self, e: ast.Binary) -> Value:
        left = self._scalar(e.left)
        if is_pure(e.right):
            return lower_fold.binary(e.operator, left, self._scalar(e.right), ir.BOOL)
        result = self._temporary("cond", ir.BOOL)
        self._emit(ir.Assign(result, left, e.span))
        with self._collect() as body:
            self._emit(ir.Assign(result, self._scalar(e.right), e.span))
        condition = result if e.operator == "&&" else ir.Unary(ir.UnaryOp.NOT, result, ir.BOOL)
        self._emit(ir.If(condition, tuple(body), (), e.span))
        return result

    def _equality(self, e: ast.Binary) -> Value:
        left, right = self._ordered([e.left, e.right])
        return self._equal(left, right, e)

    def _equal(self, left: Value, right: Value, e: ast.Binary) -> Value:
        if isinstance(left, str) or isinstance(right, str):
            raise LowerError("strings cannot be compared when the program runs", e.span)
        if isinstance(left, Aggregate) or isinstance(right, Aggregate) or not isinstance(left.type, ir.Bits):
            target = self._aggregate_of(left, right)
            left = self._materialized(left, e.span, target)
            right = self._materialized(right, e.span, target)
            return ir.Binary(ir.BinaryOp(e.operator), left, right, ir.BOOL)
        return lower_fold.binary(e.operator, left, right, ir.BOOL)

    def _aggregate_of(self, left: Value, right: Value) -> ir.Type | None:
        for side in (left, right):
            if not isinstance(side, Aggregate | str):
                return side.type
        return None

    def _mux(self, e: ast.Mux) -> Value:
        condition = self._scalar(e.condition)
        if isinstance(condition, ir.Const):
            return self._value(e.then if condition.value else e.otherwise)
        t = self._frame.type_of(e.target or e.type)
        simple = is_pure(e.then) and is_pure(e.otherwise)
        scalar = self._is_scalar(t)
        if simple and scalar:
            then, otherwise = self._scalar(e.then), self._scalar(e.otherwise)
            if isinstance(then.type, ir.Bits) and isinstance(otherwise.type, ir.Bits):
                return lower_fold.mux(condition, then, otherwise, then.type)
        result = self._temporary("chosen", self._type(t, e.span))
        branches: list[tuple[ir.Stmt, ...]] = []
        for side in (e.then, e.otherwise):
            with self._collect() as body:
                self._assign(result, self._value(side), e.span)
            branches.append(tuple(body))
        self._emit(ir.If(condition, branches[0], branches[1], e.span))
        return result

    def _cast(self, e: ast.Cast) -> Value:
        value = self._value(e.operand)
        if isinstance(value, Aggregate | str) or not isinstance(value.type, ir.Bits):
            return value
        return self._converted(value, self._frame.type_of(e.type), e.span)

    def _slice(self, e: ast.Slice) -> Value:
        if e.bounds is not None:
            return lower_fold.slice_of(self._scalar(e.base), *e.bounds)
        base, low = self._ordered_scalars(e.base, e.high)
        shifted = lower_fold.binary(">>", base, low, lower_fold.bits_of(base))
        return lower_fold.cast(shifted, self._scalar_type(e.type, e.span))

    # Calls

    def _call(self, e: ast.Call) -> Value:
        raise NotImplementedError

    def _apply_member(self, e: ast.Member, call: ast.Call) -> Value:
        raise NotImplementedError

    def _no_value(self, e: ast.Expression) -> Value:
        raise LowerError("this cannot be used as a value", e.span)

    # Flattening

    def _leaf_values(self, value: Value) -> tuple[ir.Expr, ...]:
        """The numbers that a value is made of, in order."""
        if isinstance(value, str):
            raise TypeError("a string has no numbers")
        if isinstance(value, Aggregate):
            if value.parts is None:
                return ()
            return tuple(leaf for part in value.parts for leaf in self._leaf_values(part))
        if isinstance(value, _PLACES) and not isinstance(value.type, ir.Bits):
            return tuple(leaves(value))
        return (value,)


def _gathered(t: ir.Struct, leaves_of_it: Iterator[Value]) -> Aggregate:
    """A struct whose leaves stand elsewhere."""
    parts: list[Value] = []
    for f in t.fields:
        parts.append(_gathered(f.type, leaves_of_it) if isinstance(f.type, ir.Struct) else next(leaves_of_it))
    return Aggregate(t, tuple(parts))


_PLACES = (ir.Var, ir.Member, ir.Element, ir.StackNext, ir.StackLast, ir.Slice)
_EXPRESSIONS = ir.Expr

_HANDLERS: dict[type, Callable[[Any, Any], Value]] = {
    ast.Path: ExpressionLowerer._path,
    ast.Member: ExpressionLowerer._member,
    ast.Index: ExpressionLowerer._index,
    ast.Unary: ExpressionLowerer._unary,
    ast.Binary: ExpressionLowerer._binary,
    ast.Mux: ExpressionLowerer._mux,
    ast.Cast: ExpressionLowerer._cast,
    ast.Slice: ExpressionLowerer._slice,
    ast.Call: lambda lowerer, e: lowerer._call(e),
    ast.TypeExpression: ExpressionLowerer._no_value,
    ast.Anything: ExpressionLowerer._no_value,
    ast.This: ExpressionLowerer._no_value,
}
