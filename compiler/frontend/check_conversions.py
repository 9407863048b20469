"""Implicit and explicit conversions (spec 1.2.5, section 8.11)."""

from __future__ import annotations

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.check_types import TypeChecker
from rackplane.compiler.frontend.types import Bits, Composite, Type
from rackplane.compiler.frontend.values import Value, convert, default_value


class ConversionChecker(TypeChecker):
    """What may become what."""

    def _coerce(self, expression: ast.Expression, target: Type, what: str) -> bool:
        """Convert an expression to the type that its place wants, or report that it does not fit."""
        source = expression.type
        if isinstance(source, types.Unknown) or isinstance(target, types.Unknown):
            return False
        if source == target:
            return True
        if types.is_literal(source):
            return self._coerce_literal(expression, target, what)
        if isinstance(expression, ast.Mux) and any(types.is_literal(p) for p in types.parts(source)):
            fits = self._coerce(expression.then, target, what) and self._coerce(expression.otherwise, target, what)
            expression.type = target
            return fits
        if self._fits(source, target):
            self._retarget(expression, target)
            return True
        self._error(f"{what} has the type {target}, but this is {_named(source)}", expression.span)
        return False

    def _fits(self, source: Type, target: Type) -> bool:
        """Whether a value of the source type becomes the target type without a cast being written."""
        if isinstance(source, types.Unknown | types.DontCare) or isinstance(target, types.Unknown | types.DontCare):
            return True
        if isinstance(source, types.Integer):
            return isinstance(types.underlying(target), Bits | types.Integer)
        if isinstance(source, types.SerEnum):
            return target in (source, source.underlying)
        if isinstance(source, types.Block) and isinstance(target, types.Block):
            return self._block_fits(source, target)
        return source == target

    def _block_fits(self, source: types.Block, target: types.Block) -> bool:
        if source.kind != target.kind or len(source.apply) != len(target.apply):
            return False
        pairs = zip(source.apply, target.apply, strict=True)
        return all(s.direction is t.direction and self._same(s.type, t.type) for s, t in pairs)

    def _same(self, first: Type, second: Type) -> bool:
        unknown = types.Unknown | types.DontCare
        return first == second or isinstance(first, unknown) or isinstance(second, unknown)

    def _retarget(self, expression: ast.Expression, target: Type) -> None:
        value = expression.value
        base = types.underlying(target)
        if isinstance(base, Bits) and isinstance(value, int) and isinstance(expression.type, types.Integer):
            self._check_range(expression, value, base)
        if value is not None:
            expression.value = convert(value, expression.type, target)
        expression.target = target

    def _check_range(self, expression: ast.Expression, value: int, target: Bits) -> None:
        wrapped = convert(value, types.INT, target)
        fits = wrapped == value or (not target.signed and -(1 << max(target.width - 1, 0)) <= value < 0)
        if not fits:
            self._diagnostics.warn(
                f"{_shown(value)} does not fit in {target}: it becomes {wrapped}", expression.span
            )

    # Literals

    def _coerce_literal(self, expression: ast.Expression, target: Type, what: str) -> bool:
        base = types.underlying(target)
        fits: bool | None
        if isinstance(expression, ast.Mux):
            fits = self._coerce(expression.then, target, what) and self._coerce(expression.otherwise, target, what)
        elif isinstance(expression, ast.InvalidExpression):
            fits = types.is_header(base) or types.is_union(base)
        elif isinstance(expression, ast.Dots):
            fits = self._coerce_dots(expression, base)
        elif isinstance(expression, ast.ListExpression):
            fits = self._coerce_list(expression, base, what)
        elif isinstance(expression, ast.StructExpression):
            fits = self._coerce_record(expression, base, what)
        else:
            fits = self._literal_type_fits(expression.type, base)
        if fits is None:
            return False
        if not fits:
            self._error(f"{what} has the type {target}, but this is {_named(expression.type)}", expression.span)
            return False
        expression.target = target
        return True

    def _literal_type_fits(self, source: Type, target: Type) -> bool:
        """For constants whose type was left to a literal: a path to a list."""
        inner = _elements(target, len(source.items)) if isinstance(source, types.Sequence) else None
        if inner is None or not isinstance(source, types.Sequence) or len(inner) != len(source.items):
            return False
        pairs = zip(source.items, inner, strict=True)
        return all(self._literal_type_fits(s, t) if types.is_literal(s) else self._fits(s, t) for s, t in pairs)

    def _coerce_dots(self, expression: ast.Dots, target: Type) -> bool:
        if isinstance(target, types.TypeVar | types.ListOf) or target in (types.VOID, types.MATCH_KIND):
            return False
        expression.value = default_value(target)
        return True

    def _coerce_list(self, expression: ast.ListExpression, target: Type, what: str) -> bool | None:
        wanted = _elements(target, len(expression.items))
        if wanted is None:
            return False
        given = len(expression.items)
        if given > len(wanted) or (given < len(wanted) and not expression.dots):
            message = f"{what} has the type {target} with {len(wanted)} element(s), but the list has {given}"
            self._error(message, expression.span)
            return None
        good = [
            self._coerce(item, t, f"element {i} of the list")
            for i, (item, t) in enumerate(zip(expression.items, wanted, strict=False))
        ]
        if not all(good):
            return None
        values = [i.value for i in expression.items] + [default_value(t) for t in wanted[given:]]
        self._set_value(expression, target, values)
        return True

    def _coerce_record(self, expression: ast.StructExpression, target: Type, what: str) -> bool | None:
        if not isinstance(target, Composite) or types.is_union(target):
            return False
        good = True
        for field in expression.fields:
            wanted = target.member(field.name)
            if wanted is None:
                self._error(f"{target} has no field '{field.name}'", field.span)
                good = False
            else:
                good = self._coerce(field.expression, wanted, f"the field '{field.name}'") and good
        given = {f.name: f.expression for f in expression.fields}
        missing = [m.name for m in target.members if m.name not in given]
        if missing and not expression.dots:
            self._error(f"the field(s) {', '.join(missing)} of {target} have no value here", expression.span)
            good = False
        if not good:
            return None
        values = [given[m.name].value if m.name in given else default_value(m.type) for m in target.members]
        self._set_value(expression, target, values)
        return True

    def _set_value(self, expression: ast.Expression, target: Type, values: list[Value | None]) -> None:
        if types.is_header(target) or isinstance(target, types.Stack):
            return
        known = tuple(v for v in values if v is not None)
        expression.value = known if len(known) == len(values) else None

    # Casts

    def _cast_allowed(self, source: Type, target: Type, value: Value | None) -> bool:
        """Whether (target) of a value of the source type may be written."""
        if self._fits(source, target):
            return True
        if isinstance(source, types.NewType) or isinstance(target, types.NewType):
            return self._cast_new_type(source, target, value)
        if isinstance(source, types.SerEnum):
            return self._cast_allowed(source.underlying, target, value)
        if isinstance(target, types.SerEnum):
            return isinstance(source, types.Integer) or source == target.underlying
        return self._cast_scalar(source, target, value)

    def _cast_new_type(self, source: Type, target: Type, value: Value | None) -> bool:
        """A new type is cast to and from the type below it."""
        if not isinstance(target, types.NewType):
            return isinstance(source, types.NewType) and self._cast_allowed(source.underlying, target, value)
        if isinstance(source, types.NewType):
            return source.underlying == target or target.underlying == source
        return source == target.underlying

    def _cast_scalar(self, source: Type, target: Type, value: Value | None) -> bool:
        if source == types.BOOL:
            return target == types.BIT1
        if target == types.BOOL:
            return source == types.BIT1 or (isinstance(source, types.Integer) and value in (0, 1))
        if isinstance(source, Bits) and isinstance(target, Bits):
            return source.signed == target.signed or source.width == target.width
        return isinstance(source, Bits) and isinstance(target, types.Integer)


def _elements(target: Type, count: int) -> list[Type] | None:
    if isinstance(target, types.Tuple):
        return list(target.items)
    if isinstance(target, Composite) and not types.is_union(target):
        return [m.type for m in target.members]
    if isinstance(target, types.ListOf):
        return [target.element] * count
    if isinstance(target, types.Stack):
        return [target.element] * target.size
    return None


def _named(t: Type) -> str:
    if isinstance(t, types.Sequence):
        return f"the list {t}"
    if isinstance(t, types.Record):
        return f"the struct expression {t}"
    if isinstance(t, types.Named):
        return f"{'an' if t.what[0] in 'aeiou' else 'a'} {t.what}"
    return str(t)


def _shown(value: int) -> str:
    return str(value) if value.bit_length() < 128 else hex(value)[:20] + "..."
