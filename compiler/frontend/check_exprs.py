"""Types and compile-time values of expressions without calls and members (spec 1.2.5, section 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.check_conversions import ConversionChecker
from rackplane.compiler.frontend.types import MAX_WIDTH, Bits, Type
from rackplane.compiler.frontend.values import NoValue, arithmetic, compare, convert, wrap

MAX_STRING = 65536
_LOGICAL = frozenset(("&&", "||"))
_SHIFTS = frozenset(("<<", ">>"))
_EQUALITY = frozenset(("==", "!="))
_ORDER = frozenset(("<", "<=", ">", ">="))
_SETS = frozenset(("&&&", ".."))


class ExpressionChecker(ConversionChecker):
    """Expressions."""

    def _expression(self, expression: ast.Expression) -> Type:
        """Check an expression; sets and returns its type."""
        expression.target = None
        found = _HANDLERS[type(expression)](self, expression)
        expression.type = found
        return found

    def _typed(self, expression: ast.Expression, target: Type, what: str) -> bool:
        """Check an expression and convert it to the type that its place wants."""
        self._expression(expression)
        return self._coerce(expression, target, what)

    def _constant_int(self, expression: ast.Expression, what: str) -> int | None:
        found = self._expression(expression)
        if isinstance(found, types.Unknown):
            return None
        if isinstance(found, types.SerEnum):
            found = found.underlying
        if not types.is_numeric(found):
            self._error(f"{what} is a number, not {found}", expression.span)
            return None
        if not isinstance(expression.value, int):
            self._error(f"{what} must be known at compile time", expression.span)
            return None
        return expression.value

    def _enum_value(self, member: ast.EnumMember, base: Bits) -> int:
        if member.initializer is None:
            self._error(f"'{member.name}' needs a value: '{member.name} = ...'", member.span)
            return 0
        if not self._typed(member.initializer, base, f"'{member.name}'"):
            return 0
        if not isinstance(member.initializer.value, int):
            self._error(f"the value of '{member.name}' must be known at compile time", member.initializer.span)
            return 0
        given = member.initializer
        if isinstance(given, ast.IntLiteral) and given.width is None and given.number != given.value:
            self._error(f"{given.number} does not fit in {base}", given.span)
        return member.initializer.value

    # Leaves

    def _int_literal(self, e: ast.IntLiteral) -> Type:
        if e.width is None:
            e.value = e.number
            return types.INT
        if e.width > MAX_WIDTH or e.width < (1 if e.signed else 0):
            return self._fail(f"a number cannot be {e.width} bits wide", e.span)
        target = Bits(e.width, e.signed)
        self._check_range(e, e.number, target)
        e.value = wrap(e.number, e.width, e.signed)
        return target

    def _bool_literal(self, e: ast.BoolLiteral) -> Type:
        e.value = e.truth
        return types.BOOL

    def _string_literal(self, e: ast.StringLiteral) -> Type:
        e.value = e.text
        return types.STRING

    def _path(self, e: ast.Path) -> Type:
        found = self._lookup(e.name, e.absolute)
        if not found:
            return self._unknown_name("name", e.name, e.span)
        declaration = found[0]
        e.declaration = declaration
        if isinstance(declaration, ast.Constant):
            e.value = declaration.value
        what = _NAMED.get(type(declaration))
        if what:
            return types.Named(what, declaration)
        if isinstance(declaration, ast.TypeParameter | ast.CompositeDeclaration | ast.EnumDeclaration):
            return self._fail(f"'{e.name}' is a type, not a value", e.span)
        return declaration.type

    def _type_expression(self, e: ast.TypeExpression) -> Type:
        return types.Meta(self._resolve(e.reference, bare=True))

    def _this(self, e: ast.This) -> Type:
        return self._fail("'this' is only known in methods that an instance implements", e.span)

    def _anything(self, e: ast.Anything) -> Type:
        return types.DontCare()

    def _invalid(self, e: ast.InvalidExpression) -> Type:
        return types.Invalid()

    def _dots(self, e: ast.Dots) -> Type:
        return types.Default()

    def _list(self, e: ast.ListExpression) -> Type:
        found = tuple(self._expression(i) for i in e.items)
        for item, t in zip(e.items, found, strict=True):
            if isinstance(t, types.Named | types.Meta) or t == types.VOID:
                self._error(f"a list cannot hold {t}", item.span)
                item.type = types.UNKNOWN
        values = tuple(i.value for i in e.items if i.value is not None)
        if len(values) == len(e.items) and not e.dots:
            e.value = values
        return types.Sequence(tuple(i.type for i in e.items), e.dots)

    def _record(self, e: ast.StructExpression) -> Type:
        seen: set[str] = set()
        for field in e.fields:
            self._expression(field.expression)
            if field.name in seen:
                self._error(f"the field '{field.name}' has a value twice", field.span)
            seen.add(field.name)
        return types.Record(tuple((f.name, f.expression.type) for f in e.fields), e.dots)

    # Operators

    def _unary(self, e: ast.Unary) -> Type:
        found = self._expression(e.operand)
        if isinstance(found, types.Unknown):
            return found
        if e.operator == "!":
            if found != types.BOOL:
                return self._fail(f"'!' needs a bool, not {found}", e.span)
            if isinstance(e.operand.value, bool):
                e.value = not e.operand.value
            return types.BOOL
        found = self._plain(e.operand)
        fits = isinstance(found, Bits | types.Integer)
        if not fits:
            return self._fail(f"'{e.operator}' does not work on {found}", e.span)
        if isinstance(e.operand.value, int):
            number = e.operand.value
            result = {"-": -number, "~": ~number, "+": number}[e.operator]
            e.value = wrap(result, found.width, found.signed) if isinstance(found, Bits) else result
        return found

    def _plain(self, e: ast.Expression) -> Type:
        """The type of an operand of arithmetic: a serializable enum becomes its underlying type."""
        found = e.target or e.type
        if isinstance(found, types.SerEnum):
            e.target = found.underlying
            return found.underlying
        return found

    def _binary(self, e: ast.Binary) -> Type:
        left, right = self._expression(e.left), self._expression(e.right)
        if isinstance(left, types.Unknown) or isinstance(right, types.Unknown):
            return types.BOOL if e.operator in _LOGICAL | _EQUALITY | _ORDER else types.UNKNOWN
        return _OPERATORS.get(e.operator, ExpressionChecker._arithmetic)(self, e)

    def _logical(self, e: ast.Binary) -> Type:
        for side in (e.left, e.right):
            if side.type != types.BOOL:
                return self._fail(f"'{e.operator}' needs bool, not {side.type}", side.span)
        left, right = e.left.value, e.right.value
        stops = e.operator == "||"
        if isinstance(left, bool) and (left == stops or isinstance(right, bool)):
            e.value = stops if left == stops else right
        return types.BOOL

    def _shift(self, e: ast.Binary) -> Type:
        left, right = self._plain(e.left), self._plain(e.right)
        if not types.is_numeric(left) or not types.is_numeric(right):
            return self._fail(f"'{e.operator}' does not work on {left} and {right}", e.span)
        amount = e.right.value
        if isinstance(right, Bits) and right.signed and amount is None:
            return self._fail("the amount of a shift must be unsigned", e.right.span)
        if isinstance(amount, int) and amount < 0:
            return self._fail(f"cannot shift by the negative number {amount}", e.right.span)
        if isinstance(left, types.Integer) and not isinstance(amount, int):
            return self._fail("a number without a width is shifted by a compile-time number only", e.span)
        if isinstance(left, Bits) and isinstance(amount, int) and amount >= left.width:
            self._diagnostics.warn(f"shifting {left} by {amount} leaves nothing", e.span)
        self._fold(e, left)
        return left

    def _concat(self, e: ast.Binary) -> Type:
        left, right = self._plain(e.left), self._plain(e.right)
        if left == right == types.STRING:
            if isinstance(e.left.value, str) and isinstance(e.right.value, str):
                e.value = e.left.value + e.right.value
                if len(e.value) > MAX_STRING:
                    return self._fail(f"the string has more than {MAX_STRING} characters", e.span)
            return types.STRING
        if not isinstance(left, Bits) or not isinstance(right, Bits):
            hint = "give the number a width, as in 8w1" if types.INT in (left, right) else ""
            return self._fail(f"'++' does not work on {left} and {right}", e.span, *([hint] if hint else []))
        width = left.width + right.width
        if width > MAX_WIDTH:
            return self._fail(f"the result has {width} bits, more than {MAX_WIDTH}", e.span)
        if isinstance(e.left.value, int) and isinstance(e.right.value, int):
            value = (e.left.value << right.width) | (e.right.value & ((1 << right.width) - 1))
            e.value = wrap(value, width, left.signed)
        return Bits(width, left.signed)

    def _equality(self, e: ast.Binary) -> Type:
        common = self._balance(e.left, e.right)
        if common is None:
            message = f"cannot compare {e.left.type} with {e.right.type}"
            self._error(message, e.span)
            return types.BOOL
        if not _comparable(common):
            self._error(f"values of the type {common} cannot be compared", e.span)
            return types.BOOL
        if e.left.value is not None and e.right.value is not None:
            e.value = compare(e.operator, e.left.value, e.right.value)
        return types.BOOL

    def _balance(self, left: ast.Expression, right: ast.Expression) -> Type | None:
        """The one type that both sides become; None when there is none."""
        a, b = left.target or left.type, right.target or right.type
        if isinstance(a, types.Unknown) or isinstance(b, types.Unknown):
            return types.UNKNOWN
        if a == b:
            return None if types.is_literal(a) else a
        if types.is_literal(a) or types.is_literal(b):
            return self._balance_literal(left, right)
        for one, t in ((left, b), (right, a)):
            if self._fits(one.target or one.type, t) and not isinstance(t, types.Integer):
                self._retarget(one, t)
                return t
        return None

    def _balance_literal(self, left: ast.Expression, right: ast.Expression) -> Type | None:
        """A literal becomes what the other side is; two literals say nothing about each other."""
        if types.is_literal(left.type) and types.is_literal(right.type):
            return None
        literal, other = (left, right) if types.is_literal(left.type) else (right, left)
        wanted = other.target or other.type
        return wanted if self._coerce(literal, wanted, "the other side") else types.UNKNOWN

    def _arithmetic(self, e: ast.Binary) -> Type:
        self._plain(e.left)
        self._plain(e.right)
        if e.operator in ("/", "%") and not self._division(e):
            return types.UNKNOWN
        common = self._balance(e.left, e.right)
        if isinstance(common, types.Unknown):
            return common
        left, right = e.left.target or e.left.type, e.right.target or e.right.type
        if common is None or not types.is_numeric(common):
            return self._fail(f"'{e.operator}' does not work on {left} and {right}", e.span)
        if e.operator in ("|+|", "|-|") and isinstance(common, types.Integer):
            return self._fail(f"'{e.operator}' needs numbers with a width", e.span)
        self._fold(e, common)
        return types.BOOL if e.operator in _ORDER else common

    def _division(self, e: ast.Binary) -> bool:
        for side in (e.left, e.right):
            if isinstance(side.type, Bits) and side.type.signed:
                self._error(f"'{e.operator}' does not work on signed numbers", e.span)
                return False
        divisor = e.right.value
        if divisor == 0:
            self._error("division by zero", e.span)
            return False
        for side in (e.left, e.right):
            if isinstance(side.value, int) and side.value < 0:
                self._error(f"'{e.operator}' does not work on the negative number {side.value}", side.span)
                return False
        return True

    def _fold(self, e: ast.Binary, common: Type) -> None:
        left, right = e.left.value, e.right.value
        if not isinstance(left, int) or not isinstance(right, int):
            return
        if e.operator in _ORDER:
            e.value = compare(e.operator, left, right)
            return
        try:
            e.value = arithmetic(e.operator, left, right, common)
        except NoValue as problem:
            self._error(f"this has no value: {problem}", e.span)

    def _set(self, e: ast.Binary) -> Type:
        self._plain(e.left)
        self._plain(e.right)
        common = self._balance(e.left, e.right)
        if common is None:
            return self._fail(f"'{e.operator}' does not work on {e.left.type} and {e.right.type}", e.span)
        base = types.underlying(common)
        if not isinstance(base, Bits | types.Integer | types.Unknown | types.SerEnum):
            return self._fail(f"'{e.operator}' does not work on {common}", e.span)
        low, high = e.left.value, e.right.value
        if e.operator == ".." and isinstance(low, int) and isinstance(high, int) and low > high:
            self._diagnostics.warn(f"the range {low} .. {high} is empty", e.span)
        return types.SetOf(common)

    def _mux(self, e: ast.Mux) -> Type:
        condition = self._expression(e.condition)
        self._expression(e.then)
        self._expression(e.otherwise)
        if not isinstance(condition, types.Unknown) and condition != types.BOOL:
            return self._fail(f"the condition of '?:' is a bool, not {condition}", e.condition.span)
        common = self._balance(e.then, e.otherwise)
        if common is None and types.is_literal(e.then.type) and types.is_literal(e.otherwise.type):
            return e.then.type
        if common is None:
            return self._fail(f"'?:' chooses between {e.then.type} and {e.otherwise.type}", e.span)
        chosen = {True: e.then.value, False: e.otherwise.value}
        if isinstance(e.condition.value, bool):
            e.value = chosen[e.condition.value]
        elif isinstance(common, types.Integer):
            return self._fail("'?:' chooses between numbers without a width: give one of them a width", e.span)
        return common

    def _cast(self, e: ast.Cast) -> Type:
        target = self._value_type(e.reference, "a cast")
        source = self._expression(e.operand)
        if isinstance(target, types.Unknown) or isinstance(source, types.Unknown):
            return target
        if types.is_literal(source):
            self._coerce(e.operand, target, "the cast")
            e.value = e.operand.value
            return target
        if not self._cast_allowed(source, target, e.operand.value):
            return self._fail(f"cannot cast {source} to {target}", e.span)
        if e.operand.value is not None:
            e.value = convert(e.operand.value, source, target)
        return target

    def _slice(self, e: ast.Slice) -> Type:
        base = self._expression(e.base)
        if isinstance(base, types.Unknown):
            return base
        base = types.underlying(self._plain(e.base))
        if e.plus and self._is_computed(e.high):
            return self._computed_slice(e, base)
        if e.plus:
            low, width = self._constant_int(e.high, "the low bit"), self._constant_int(e.low, "the slice's width")
            high = None if low is None or width is None else low + width - 1
        else:
            high, low = self._constant_int(e.high, "the high bit"), self._constant_int(e.low, "the low bit")
        if not types.is_numeric(base) or (isinstance(base, types.Integer) and e.base.value is None):
            return self._fail(f"bits cannot be taken from {base}", e.span)
        if high is None or low is None:
            return types.UNKNOWN
        limit = base.width if isinstance(base, Bits) else MAX_WIDTH
        if not 0 <= low <= high < limit:
            return self._fail(f"there is no slice [{high}:{low}] of {base}", e.span)
        e.bounds = (high, low)
        if isinstance(e.base.value, int):
            e.value = (e.base.value >> low) & ((1 << (high - low + 1)) - 1)
        return Bits(high - low + 1)

    def _is_computed(self, e: ast.Expression) -> bool:
        """Whether it is an unsigned number that is known only when the program runs."""
        found = types.underlying(self._expression(e))
        return isinstance(found, Bits) and not found.signed and e.value is None

    def _computed_slice(self, e: ast.Slice, base: Type) -> Type:
        width = self._constant_int(e.low, "the slice's width")
        if not isinstance(base, Bits):
            return self._fail(f"bits at a computed place cannot be taken from {base}", e.span)
        if width is None:
            return types.UNKNOWN
        if not 0 < width <= base.width:
            return self._fail(f"there is no slice of {width} bits in {base}", e.span)
        return Bits(width)

    # Compile-time knowledge

    def _is_compile_time(self, e: ast.Expression) -> bool:
        """Whether the value is known when the program is instantiated (constructor parameters included)."""
        if e.value is not None or isinstance(
            e, ast.TypeExpression | ast.Anything | ast.InvalidExpression | ast.Dots
        ):
            return True
        if isinstance(e, ast.Path):
            declaration = e.declaration
            if isinstance(declaration, ast.Parameter):
                return declaration.in_constructor or self._is_function_constant(declaration)
            return isinstance(declaration, ast.Instantiation | ast.Constant)
        if isinstance(e, ast.Call):
            return e.resolved is not None and e.resolved.what in ("constructor", "size", "static_assert")
        children = _children(e)
        return bool(children) and all(self._is_compile_time(c) for c in children)

    def _is_function_constant(self, parameter: ast.Parameter) -> bool:
        """Whether it is a parameter without direction of the function around: its arguments are constants."""
        function = self._around.callable
        if parameter.direction is not types.Direction.NONE or not isinstance(function, ast.FunctionDeclaration):
            return False
        return parameter in function.parameters

    def _member(self, e: ast.Member) -> Type:
        raise NotImplementedError

    def _index(self, e: ast.Index) -> Type:
        raise NotImplementedError

    def _call(self, e: ast.Call) -> Type:
        raise NotImplementedError


def _children(e: ast.Expression) -> list[ast.Expression]:
    found: list[ast.Expression] = []
    if isinstance(e, ast.Binary):
        found = [e.left, e.right]
    elif isinstance(e, ast.Unary | ast.Cast):
        found = [e.operand]
    elif isinstance(e, ast.Mux):
        found = [e.condition, e.then, e.otherwise]
    elif isinstance(e, ast.Slice | ast.Member | ast.Index):
        found = [e.base]
    elif isinstance(e, ast.ListExpression):
        found = e.items
    elif isinstance(e, ast.StructExpression):
        found = [f.expression for f in e.fields]
    return found


def _comparable(t: Type) -> bool:
    t = types.underlying(t)
    if isinstance(t, types.Extern | types.Block | types.Package | types.Named | types.Meta | types.ListOf):
        return False
    if isinstance(t, types.ApplyResult | types.ValueSetOf | types.SetOf | types.TypeVar):
        return False
    if isinstance(t, types.Composite):
        return all(_comparable(m.type) for m in t.members)
    return t not in (types.VOID, types.MATCH_KIND, types.STRING)


_NAMED: dict[type, str] = {
    ast.ActionDeclaration: "action",
    ast.TableDeclaration: "table",
    ast.FunctionDeclaration: "function",
    ast.StateDeclaration: "state",
}

_OPERATORS: dict[str, Callable[[ExpressionChecker, ast.Binary], Type]] = {
    **dict.fromkeys(_LOGICAL, ExpressionChecker._logical),
    **dict.fromkeys(_SHIFTS, ExpressionChecker._shift),
    **dict.fromkeys(_EQUALITY, ExpressionChecker._equality),
    **dict.fromkeys(_SETS, ExpressionChecker._set),
    "++": ExpressionChecker._concat,
}

_HANDLERS: dict[type, Callable[[Any, Any], Type]] = {
    ast.IntLiteral: ExpressionChecker._int_literal,
    ast.BoolLiteral: ExpressionChecker._bool_literal,
    ast.StringLiteral: ExpressionChecker._string_literal,
    ast.Path: ExpressionChecker._path,
    ast.TypeExpression: ExpressionChecker._type_expression,
    ast.This: ExpressionChecker._this,
    ast.Anything: ExpressionChecker._anything,
    ast.InvalidExpression: ExpressionChecker._invalid,
    ast.Dots: ExpressionChecker._dots,
    ast.ListExpression: ExpressionChecker._list,
    ast.StructExpression: ExpressionChecker._record,
    ast.Unary: ExpressionChecker._unary,
    ast.Binary: ExpressionChecker._binary,
    ast.Mux: ExpressionChecker._mux,
    ast.Cast: ExpressionChecker._cast,
    ast.Slice: ExpressionChecker._slice,
    ast.Member: lambda checker, e: checker._member(e),
    ast.Index: lambda checker, e: checker._index(e),
    ast.Call: lambda checker, e: checker._call(e),
}
