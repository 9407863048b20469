"""The grammar of p4-constraints: text to syntax tree. Loosest first: `;` `->` `||` `&&` comparisons `!` `-` `::`"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_TEXT = 1 << 16
MAX_DEPTH = 64
MAX_DIGITS = 1024

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)"
    r"|(?P<number>0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|(?:0[dD])?[0-9]+)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<string>'[^']*')"
    r"|(?P<mark>&&|\|\||->|::|==|!=|>=|<=|[!()<>.;-])",
    re.DOTALL,
)
_BASES = {"0b": 2, "0o": 8, "0x": 16}
_COMPARISONS = ("==", "!=", ">", ">=", "<", "<=")


class ConstraintError(Exception):
    """A constraint makes no sense; says where in its text."""

    def __init__(self, message: str, text: str, at: int) -> None:
        line = text.count("\n", 0, at) + 1
        column = at - text.rfind("\n", 0, at)
        super().__init__(f"{message} (line {line}, column {column} of the constraint)")


@dataclass(frozen=True)
class Span:
    """Where an expression stands in the text."""

    start: int
    end: int


@dataclass(frozen=True)
class Literal:
    """true, false, a number or a network address."""

    value: bool | int
    span: Span


@dataclass(frozen=True)
class Key:
    """A match field of the table, or a parameter of the action."""

    name: str
    span: Span


@dataclass(frozen=True)
class Attribute:
    """::name of the entry itself."""

    name: str
    span: Span


@dataclass(frozen=True)
class Projection:
    """expression::name."""

    of: Expression
    name: str
    span: Span


@dataclass(frozen=True)
class Unary:
    """! or - before an expression."""

    operator: str
    operand: Expression
    span: Span


@dataclass(frozen=True)
class Binary:
    """A comparison, or `->`."""

    operator: str
    left: Expression
    right: Expression
    span: Span


@dataclass(frozen=True)
class Chain:
    """Several expressions joined by && (or ;) or by ||."""

    operator: str
    parts: tuple[Expression, ...]
    span: Span


Expression = Literal | Key | Attribute | Projection | Unary | Binary | Chain


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse(text: str) -> Expression:
    """Return the tree of a constraint; an empty one is true. Raise ConstraintError."""
    if len(text) > MAX_TEXT:
        raise ConstraintError(f"the constraint has {len(text)} characters, the limit is {MAX_TEXT}", text, 0)
    return _Parser(text).all()


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ConstraintError(f"{text[at]!r} is not part of the language", text, at)
        if match.lastgroup != "space":
            found.append(_Token(match.lastgroup or "", match.group(), at, match.end()))
        at = match.end()
    return [*found, _Token("end", "", at, at)]


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def all(self) -> Expression:
        """The whole text: expressions separated by `;`, one of which may be left out at the end."""
        tree = self._sequence()
        if self._next.kind != "end":
            raise self._error(f"{self._next.text!r} is not expected here")
        return tree

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, *marks: str) -> str:
        if self._next.kind == "mark" and self._next.text in marks:
            return self._take().text
        return ""

    def _expect(self, mark: str) -> None:
        if not self._accept(mark):
            raise self._error(f"{mark!r} is expected, not {self._next.text or 'the end'!r}")

    def _error(self, message: str) -> ConstraintError:
        return ConstraintError(message, self._text, self._next.start)

    def _span(self, first: int) -> Span:
        """From a token to the last one that was taken."""
        start = self._tokens[first].start
        return Span(start, max(start, self._tokens[self._at - 1].end) if self._at > first else start)

    def _sequence(self) -> Expression:
        first, parts = self._at, []
        while self._next.kind != "end" and self._next.text != ")":
            parts.append(self._implication())
            if not self._accept(";"):
                break
        if not parts:
            return Literal(True, self._span(first))
        return parts[0] if len(parts) == 1 else Chain("&&", tuple(parts), self._span(first))

    def _implication(self) -> Expression:
        return self._pair(self._disjunction, ("->",))

    def _disjunction(self) -> Expression:
        return self._chain(self._conjunction, "||")

    def _conjunction(self) -> Expression:
        return self._chain(self._comparison, "&&")

    def _comparison(self) -> Expression:
        return self._pair(self._unary, _COMPARISONS)

    def _pair(self, operand: Callable[[], Expression], operators: tuple[str, ...]) -> Expression:
        """One operand, or two around an operator that does not associate."""
        first = self._at
        left = operand()
        operator = self._accept(*operators)
        if not operator:
            return left
        right = operand()
        if self._next.kind == "mark" and self._next.text in operators:
            raise self._error(f"{self._next.text!r} after {operator!r} needs parentheses")
        return Binary(operator, left, right, self._span(first))

    def _chain(self, operand: Callable[[], Expression], operator: str) -> Expression:
        first = self._at
        parts = [operand()]
        while self._accept(operator):
            parts.append(operand())
        return parts[0] if len(parts) == 1 else Chain(operator, tuple(parts), self._span(first))

    def _unary(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"the constraint is nested deeper than {MAX_DEPTH}")
        first, operator = self._at, self._accept("!", "-")
        tree = Unary(operator, self._unary(), self._span(first)) if operator else self._projection()
        self._depth -= 1
        return tree

    def _projection(self) -> Expression:
        first = self._at
        if self._accept("::"):
            return Attribute(self._name(), self._span(first))
        tree = self._primary()
        while self._accept("::"):
            tree = Projection(tree, self._name(), self._span(first))
        return tree

    def _primary(self) -> Expression:
        first, token = self._at, self._take()
        if token.kind == "number":
            return Literal(self._number(token), self._span(first))
        if token.kind == "name":
            return self._named(first, token.text)
        if token.text == "(" and token.kind == "mark" and self._next.text != ")":
            tree = self._sequence()
            self._expect(")")
            return tree
        self._at = first
        raise self._error(f"an expression is expected, not {token.text or 'the end'!r}")

    def _named(self, first: int, name: str) -> Expression:
        if name in ("true", "false"):
            return Literal(name == "true", self._span(first))
        if name in _ADDRESSES and self._next.text == "(":
            return self._address(first, name)
        while self._accept("."):
            name += f".{self._name()}"
        return Key(name, self._span(first))

    def _name(self) -> str:
        if self._next.kind != "name":
            raise self._error(f"a name is expected, not {self._next.text or 'the end'!r}")
        return self._take().text

    def _number(self, token: _Token) -> int:
        if len(token.text) > MAX_DIGITS:
            raise ConstraintError(f"a number of {len(token.text)} digits", self._text, token.start)
        base = _BASES.get(token.text[:2].lower(), 10)
        return int(token.text[2:] if base != 10 or token.text[:2].lower() == "0d" else token.text, base)

    def _address(self, first: int, kind: str) -> Literal:
        self._expect("(")
        token = self._take()
        if token.kind != "string":
            raise ConstraintError(f"{kind}() takes an address in single quotes", self._text, token.start)
        try:
            value = _ADDRESSES[kind](token.text[1:-1])
        except ValueError as e:
            raise ConstraintError(f"{token.text} is not an address of type {kind}", self._text, token.start) from e
        self._expect(")")
        return Literal(value, self._span(first))


def _mac(text: str) -> int:
    if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", text):
        raise ValueError(text)
    return int(text.replace(":", ""), 16)


_ADDRESSES: dict[str, Callable[[str], int]] = {
    "ipv4": lambda text: int(ipaddress.IPv4Address(text)),
    "ipv6": lambda text: int(ipaddress.IPv6Address(text)),
    "mac": _mac,
}
