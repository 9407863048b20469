"""The value of a preprocessor condition (#if, #elif): integer expressions of C."""

from __future__ import annotations

from collections.abc import Callable

from rackplane.compiler.lexing.lexer import parse_integer
from rackplane.compiler.lexing.tokens import INTEGER, Token

_MAX_DEPTH = 64
_MAX_BITS = 64


class BadCondition(Exception):
    """The tokens are no integer expression; `token` is where that shows (None at the end of the line)."""

    def __init__(self, message: str, token: Token | None) -> None:
        super().__init__(message)
        self.token = token


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise ZeroDivisionError
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _shift(a: int, b: int) -> int:
    return a << min(max(b, 0), _MAX_BITS)


_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"||": lambda a, b: int(bool(a) or bool(b))},
    {"&&": lambda a, b: int(bool(a) and bool(b))},
    {"|": lambda a, b: a | b},
    {"^": lambda a, b: a ^ b},
    {"&": lambda a, b: a & b},
    {"==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b)},
    {
        "<": lambda a, b: int(a < b),
        ">": lambda a, b: int(a > b),
        "<=": lambda a, b: int(a <= b),
        ">=": lambda a, b: int(a >= b),
    },
    {"<<": _shift, ">>": lambda a, b: a >> min(max(b, 0), _MAX_BITS)},
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": _divide, "%": lambda a, b: a - _divide(a, b) * b},
)


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    @property
    def current(self) -> Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def operator(self) -> str:
        token = self.current
        if token is None:
            return ""
        following = self.tokens[self.position + 1] if self.position + 1 < len(self.tokens) else None
        if token.kind == ">" and following is not None and following.kind == ">" and following.glued:
            return ">>"
        return token.kind

    def ternary(self) -> int:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise BadCondition("the condition nests too deeply", self.current)
        value = self.binary(0)
        if self.operator() == "?":
            self.position += 1
            then = self.ternary()
            self.expect(":")
            otherwise = self.ternary()
            value = then if value else otherwise
        self.depth -= 1
        return value

    def binary(self, level: int) -> int:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while (name := self.operator()) in _LEVELS[level]:
            token = self.current
            self.position += 2 if name == ">>" else 1
            right = self.binary(level + 1)
            try:
                left = _LEVELS[level][name](left, right)
            except ZeroDivisionError as e:
                raise BadCondition("division by zero", token) from e
        return left

    def unary(self) -> int:
        token = self.current
        if token is None:
            raise BadCondition("the condition is not complete", None)
        self.position += 1
        if token.kind in ("!", "-", "+", "~"):
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise BadCondition("the condition nests too deeply", token)
            operand = self.unary()
            self.depth -= 1
            return {"!": int(not operand), "-": -operand, "+": operand, "~": ~operand}[token.kind]
        if token.kind == "(":
            value = self.ternary()
            self.expect(")")
            return value
        return self.atom(token)

    def atom(self, token: Token) -> int:
        if token.kind == INTEGER and len(token.text) <= 32:
            return parse_integer(token.text)[0]
        if token.kind == "true":
            return 1
        if token.text.replace("_", "a").isalnum() and not token.text[0].isdigit():
            return 0
        raise BadCondition(f"{token.named} does not belong in a condition", token)

    def expect(self, kind: str) -> None:
        if self.operator() != kind:
            raise BadCondition(f"'{kind}' is missing in the condition", self.current)
        self.position += 1


def evaluate_condition(tokens: list[Token]) -> bool:
    """Whether the condition holds; macros and defined() are already replaced.

    Raises:
        BadCondition: when the tokens are no integer expression.
    """
    reader = _Reader(tokens)
    value = reader.ternary()
    if reader.current is not None:
        raise BadCondition(f"{reader.current.named} does not belong in a condition", reader.current)
    return value != 0
