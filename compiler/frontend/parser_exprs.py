"""Parsing of types and expressions (spec 1.2.5, appendix G)."""

from __future__ import annotations

from collections.abc import Callable

from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.annotation_values import literal
from rackplane.compiler.frontend.parser_base import ParserBase, SyntaxProblem, T, string_value
from rackplane.compiler.ir import Annotation, AnnotationValue, Span
from rackplane.compiler.lexing.lexer import parse_integer
from rackplane.compiler.lexing.tokens import IDENTIFIER, INTEGER, STRING, Token

_LEVELS = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4, "|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8,
    "++": 9, "+": 9, "-": 9, "|+|": 9, "|-|": 9, "*": 10, "/": 10, "%": 10,
}  # fmt: skip
_BASE_TYPES = frozenset(("bool", "error", "int", "string", "match_kind", "void", "bit", "varbit"))
_MAX_DIGITS = 4000
_MAX_DEPTH = 300


class ExpressionParser(ParserBase):
    """Types and expressions."""

    # Types

    def _starts_type(self, token: Token, following: Token) -> bool:
        kind = token.kind
        if kind in _BASE_TYPES or kind == "tuple":
            return True
        if kind == "list":
            return following.kind == "<"
        if kind == ".":
            return following.kind == IDENTIFIER and self._scopes[0].get(following.text, False)
        return (kind == IDENTIFIER or self._is_name(token)) and self._is_type_name(token.text)

    def _type(self) -> ast.TypeRef:
        start = self._current
        self._enter()
        base = self._simple_type()
        if self._current.kind == "<" and isinstance(base, ast.NameRef):
            arguments = self._type_arguments()
            base = ast.SpecializedRef(self._span_from(start.span), base, arguments)
        while self._current.kind == "[":
            self._advance()
            size = self._inside(self._expression)
            self._expect("]")
            base = ast.ArrayRef(self._span_from(start.span), base, size)
        self._leave()
        return base

    def _simple_type(self) -> ast.TypeRef:
        token = self._current
        kind = token.kind
        if kind in ("bit", "int", "varbit") and self._peek().kind == "<":
            self._advance()
            return self._width_type(token)
        if kind == "varbit":
            raise self._problem("varbit needs a maximum width: varbit<W>")
        if kind in _BASE_TYPES or kind == "_":
            self._advance()
            return ast.BaseRef(token.span, token.text)
        if kind == "tuple" or (kind == "list" and self._peek().kind == "<"):
            self._advance()
            base = ast.BaseRef(token.span, token.text)
            return ast.SpecializedRef(token.span, base, self._type_arguments())
        absolute = self._accept(".") is not None
        name = self._name("a type")
        return ast.NameRef(self._span_from(token.span), name.text, absolute)

    def _width_type(self, token: Token) -> ast.TypeRef:
        self._expect("<")
        before, self._no_greater = self._no_greater, True
        try:
            width = self._expression()
        finally:
            self._no_greater = before
        self._expect(">")
        return ast.WidthRef(self._span_from(token.span), token.text, width)

    def _type_arguments(self) -> list[ast.TypeRef]:
        self._expect("<")
        arguments: list[ast.TypeRef] = []
        if self._current.kind != ">":
            arguments.append(self._type())
            while self._accept(","):
                arguments.append(self._type())
        self._expect(">")
        return arguments

    # Expressions

    def _inside(self, parse: Callable[[], T]) -> T:
        before, self._no_greater = self._no_greater, False
        try:
            return parse()
        finally:
            self._no_greater = before

    def _expression(self) -> ast.Expression:
        self._enter()
        start = self._current.span
        result = self._binary(1)
        if self._accept("?"):
            then = self._inside(self._expression)
            self._expect(":")
            otherwise = self._expression()
            result = self._deepened(
                ast.Mux(self._span_from(start), result, then, otherwise), result, then, otherwise
            )
        self._leave()
        return result

    def _operator(self) -> str:
        kind = self._current.kind
        if kind == ">":
            if self._no_greater:
                return ""
            following = self._peek()
            if following.kind == ">" and following.glued:
                return ">>"
        if kind == ">=" and self._no_greater:
            return ""
        return kind

    def _binary(self, level: int) -> ast.Expression:
        start = self._current.span
        left = self._unary()
        while (own := _LEVELS.get(name := self._operator(), 0)) >= level:
            self._advance()
            if name == ">>":
                self._advance()
            right = self._binary(own + 1)
            left = self._deepened(ast.Binary(self._span_from(start), name, left, right), left, right)
        return left

    def _deepened(self, node: ast.Expression, *children: ast.Expression) -> ast.Expression:
        node.depth = 1 + max(c.depth for c in children)
        if node.depth > _MAX_DEPTH:
            raise self._problem(f"the expression is more than {_MAX_DEPTH} operations deep", node.span)
        return node

    def _unary(self) -> ast.Expression:
        token = self._current
        if token.kind in ("!", "~", "-", "+"):
            self._advance()
            self._enter()
            operand = self._unary()
            self._leave()
            return self._deepened(ast.Unary(self._span_from(token.span), token.kind, operand), operand)
        if token.kind == "(":
            cast = self._cast()
            if cast is not None:
                return cast
        return self._postfix(self._primary(), token.span)

    def _cast(self) -> ast.Expression | None:
        if not self._starts_type(self._peek(1), self._peek(2)):
            return None
        position, nesting = self._position, self._nesting
        opening = self._advance()
        try:
            reference = self._inside(self._type)
            closed = self._accept(")") is not None
        except SyntaxProblem:
            closed = False
        if not closed:
            self._rewind(position)
            self._nesting = nesting
            return None
        self._enter()
        operand = self._unary()
        self._leave()
        return self._deepened(ast.Cast(self._span_from(opening.span), reference, operand), operand)

    def _postfix(self, base: ast.Expression, start: Span) -> ast.Expression:
        while True:
            kind = self._current.kind
            if kind == ".":
                self._advance()
                name = self._name("a name after '.'")
                base = self._deepened(ast.Member(self._span_from(start), base, name.text, name.span), base)
            elif kind == "[":
                base = self._subscript(base, start)
            elif kind == "(":
                arguments = self._arguments()
                base = self._deepened(ast.Call(self._span_from(start), base, [], arguments), base)
            elif kind == "<" and isinstance(base, ast.Path | ast.Member):
                call = self._generic_call(base, start)
                if call is None:
                    return base
                base = call
            else:
                return base

    def _generic_call(self, base: ast.Expression, start: Span) -> ast.Expression | None:
        if not (self._starts_type(self._peek(1), self._peek(2)) or self._peek().kind == "_"):
            return None
        position, nesting = self._position, self._nesting
        try:
            type_arguments = self._type_arguments()
            follows = self._current.kind == "("
        except SyntaxProblem:
            follows = False
        if not follows:
            self._rewind(position)
            self._nesting = nesting
            return None
        arguments = self._arguments()
        return self._deepened(ast.Call(self._span_from(start), base, type_arguments, arguments), base)

    def _subscript(self, base: ast.Expression, start: Span) -> ast.Expression:
        self._expect("[")
        first: ast.Expression = self._inside(self._expression)
        if self._current.kind in (":", "+:"):
            plus = self._advance().kind == "+:"
            second: ast.Expression = self._inside(self._expression)
            self._expect("]")
            return self._deepened(ast.Slice(self._span_from(start), base, first, second, plus), base, first, second)
        self._expect("]")
        return self._deepened(ast.Index(self._span_from(start), base, first), base, first)

    def _arguments(self) -> list[ast.Argument]:
        self._expect("(")
        arguments: list[ast.Argument] = []
        if self._current.kind != ")":
            arguments.append(self._inside(self._argument))
            while self._accept(","):
                arguments.append(self._inside(self._argument))
        self._expect(")")
        return arguments

    def _argument(self) -> ast.Argument:
        start = self._current
        name = None
        if self._is_name(start) and self._peek().kind == "=":
            name = self._advance().text
            self._advance()
        expression = self._anything() if self._current.kind == "_" else self._expression()
        return ast.Argument(self._span_from(start.span), name, expression)

    def _anything(self) -> ast.Expression:
        token = self._advance()
        return ast.Anything(token.span, token.kind == "default")

    def _primary(self) -> ast.Expression:
        token = self._current
        parse = _PRIMARIES.get(token.kind)
        if parse is not None:
            return parse(self)
        if self._starts_type(token, self._peek()):
            return self._type_expression()
        absolute = self._accept(".") is not None
        name = self._name("an expression")
        return ast.Path(self._span_from(token.span), name.text, absolute)

    def _parenthesized(self) -> ast.Expression:
        self._advance()
        inner = self._inside(self._expression)
        self._expect(")")
        return inner

    def _string(self) -> ast.Expression:
        token = self._advance()
        return ast.StringLiteral(token.span, string_value(token))

    def _truth(self) -> ast.Expression:
        token = self._advance()
        return ast.BoolLiteral(token.span, token.kind == "true")

    def _mark(self) -> ast.Expression:
        token = self._advance()
        return _MARKS[token.kind](token.span)

    def _integer(self) -> ast.Expression:
        token = self._advance()
        if len(token.text) > _MAX_DIGITS:
            raise self._problem(f"the number has more than {_MAX_DIGITS} digits", token.span)
        number, width, signed = parse_integer(token.text)
        return ast.IntLiteral(token.span, number, width, signed)

    def _type_expression(self) -> ast.Expression:
        start = self._current
        reference = self._simple_type()
        if self._current.kind == "<" and isinstance(reference, ast.NameRef):
            arguments = self._type_arguments()
            reference = ast.SpecializedRef(self._span_from(start.span), reference, arguments)
        if self._current.kind not in (".", "("):
            raise self._problem(f"the type '{start.text}' is no value", start.span)
        return ast.TypeExpression(reference.span, reference)

    def _braces(self) -> ast.Expression:
        start = self._expect("{").span
        self._enter()
        if self._is_name(self._current) and self._peek().kind == "=":
            result: ast.Expression = self._inside(lambda: self._record(start))
        else:
            result = self._inside(lambda: self._list(start))
        self._leave()
        return result

    def _record(self, start: Span) -> ast.Expression:
        fields: list[ast.NamedExpression] = []
        dots = False
        while not dots and self._current.kind != "}":
            if self._accept("..."):
                dots = True
            else:
                name = self._name("the name of a field")
                self._expect("=")
                fields.append(ast.NamedExpression(name.span, name.text, self._expression()))
            if not self._accept(","):
                break
        self._expect("}")
        node = ast.StructExpression(self._span_from(start), fields, dots)
        return self._deepened(node, *(f.expression for f in fields)) if fields else node

    def _list(self, start: Span) -> ast.Expression:
        items: list[ast.Expression] = []
        dots = False
        while not dots and self._current.kind != "}":
            if self._accept("..."):
                dots = True
            else:
                items.append(self._expression())
            if not self._accept(","):
                break
        self._expect("}")
        node = ast.ListExpression(self._span_from(start), items, dots)
        return self._deepened(node, *items) if items else node

    # Sets, in select cases and table entries

    def _keyset(self) -> list[ast.Expression]:
        """One set, or several in parentheses."""
        if self._current.kind == "(":
            position, nesting = self._position, self._nesting
            try:
                return self._tuple_keyset()
            except SyntaxProblem as e:
                problem, reached = e, self._position
            self._rewind(position)
            self._nesting = nesting
            try:
                return [self._set()]
            except SyntaxProblem as e:
                raise (problem if reached > self._position else e) from None
        return [self._set()]

    def _tuple_keyset(self) -> list[ast.Expression]:
        self._expect("(")
        sets = [self._inside(self._set)]
        while self._accept(","):
            sets.append(self._inside(self._set))
        self._expect(")")
        if self._current.kind != ":":
            raise self._problem(f"expected ':' after the keys, found {self._current.named}")
        return sets

    def _set(self) -> ast.Expression:
        if self._current.kind in ("_", "default"):
            return self._anything()
        start = self._current.span
        low = self._expression()
        if self._current.kind in ("&&&", ".."):
            operator = self._advance().kind
            high = self._expression()
            return self._deepened(ast.Binary(self._span_from(start), operator, low, high), low, high)
        return low

    def _structured(self, name: str) -> Annotation:
        position = self._position
        values: list[AnnotationValue] = []
        self._expect("[")
        named = 0
        count = 0
        names: set[str] = set()
        while self._current.kind != "]":
            count += 1
            key = None
            if self._is_name(self._current) and self._peek().kind == "=":
                key = self._advance()
                self._advance()
                named += 1
                if key.text in names:
                    raise self._problem(f"the annotation gives '{key.text}' twice", key.span)
                names.add(key.text)
            value = self._expression()
            if named and isinstance(value, ast.ListExpression | ast.StructExpression):
                raise self._problem("a value in an annotation is a number, string or bool", value.span)
            values.append(AnnotationValue(literal(value), key.text if key is not None else None))
            if not self._accept(","):
                break
        closing = self._expect("]")
        if named not in (0, count):
            raise self._problem(
                "an annotation holds either expressions or name = value pairs, not both", closing.span
            )
        text = " ".join(t.text for t in self._tokens[position + 1 : self._position - 1])
        return Annotation(name, text, tuple(values))


_MARKS = {"this": ast.This, "{#}": ast.InvalidExpression, "...": ast.Dots}
_PRIMARIES: dict[str, Callable[[ExpressionParser], ast.Expression]] = {
    INTEGER: ExpressionParser._integer,
    STRING: ExpressionParser._string,
    "(": ExpressionParser._parenthesized,
    "{": ExpressionParser._braces,
    **dict.fromkeys(("true", "false"), ExpressionParser._truth),
    **dict.fromkeys(_MARKS, ExpressionParser._mark),
}
