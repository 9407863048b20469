"""What every part of the parser uses: the token cursor, syntax errors, names of types, annotations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from rackplane.compiler.ir import Annotation, Span
from rackplane.compiler.lexing.diagnostics import Diagnostics
from rackplane.compiler.lexing.tokens import BAD, END, HASH, IDENTIFIER, KEYWORDS, SOFT_KEYWORDS, STRING, Token

MAX_NESTING = 200

T = TypeVar("T")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s*\+\+\s*"(?:[^"\\]|\\.)*")*', re.DOTALL)


class SyntaxProblem(Exception):
    """The tokens do not follow the grammar; the nearest enclosing list of things recovers."""

    def __init__(self, message: str, span: Span, *notes: str) -> None:
        super().__init__(message)
        self.message, self.span, self.notes = message, span, notes


class ParserBase:
    """A cursor over the tokens, and the scopes of declared names: a type's name is told from another by them."""

    def __init__(self, tokens: list[Token], diagnostics: Diagnostics) -> None:
        self._tokens = tokens
        self._position = 0
        self._current = tokens[0]
        self._diagnostics = diagnostics
        self._scopes: list[dict[str, bool]] = [{}]
        self._nesting = 0
        self._no_greater = False

    # The cursor

    def _advance(self) -> Token:
        token = self._current
        if token.kind != END:
            self._position += 1
            self._current = self._tokens[self._position]
        return token

    def _peek(self, distance: int = 1) -> Token:
        return self._tokens[min(self._position + distance, len(self._tokens) - 1)]

    def _rewind(self, position: int) -> None:
        self._position = position
        self._current = self._tokens[position]

    def _accept(self, kind: str) -> Token | None:
        return self._advance() if self._current.kind == kind else None

    def _expect(self, kind: str, where: str = "") -> Token:
        if self._current.kind == kind:
            return self._advance()
        raise self._problem(f"expected '{kind}'{where and ' ' + where}, found {self._current.named}")

    def _problem(self, message: str, span: Span | None = None, *notes: str) -> SyntaxProblem:
        if self._current.kind in (BAD, HASH, "##"):
            return SyntaxProblem(self._current.problem, self._current.span)
        if span is None:
            previous = self._tokens[self._position - 1] if self._position else self._current
            span = self._current.span
            if self._current.line != previous.line and message.startswith("expected ';'"):
                span = Span(previous.file, previous.line, previous.column + len(previous.text))
        return SyntaxProblem(message, span, *notes)

    def _is_name(self, token: Token) -> bool:
        return token.kind == IDENTIFIER or token.kind in SOFT_KEYWORDS

    def _name(self, what: str) -> Token:
        if self._is_name(self._current):
            return self._advance()
        if self._current.kind in KEYWORDS:
            raise self._problem(f"expected {what}, found the keyword '{self._current.text}'")
        raise self._problem(f"expected {what}, found {self._current.named}")

    def _span_from(self, start: Span) -> Span:
        last = self._tokens[self._position - 1] if self._position else self._current
        if last.line == start.line and last.file == start.file:
            return Span(start.file, start.line, start.column, max(last.column + len(last.text) - start.column, 1))
        return start

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._problem(f"this nests more than {MAX_NESTING} levels deep")

    def _leave(self) -> None:
        self._nesting -= 1

    # Names

    def _declare(self, name: str, is_type: bool = False) -> None:
        self._scopes[-1][name] = is_type

    def _is_type_name(self, name: str) -> bool:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return False

    def _scoped(self, parse: Callable[[], T]) -> T:
        self._scopes.append({})
        try:
            return parse()
        finally:
            self._scopes.pop()

    # Lists with recovery

    def _many(self, parse: Callable[[], T | None], end: str) -> list[T]:
        """Things up to the token `end`, which is not consumed; a bad one is reported and skipped."""
        return self._until(parse, lambda: self._current.kind == end)

    def _until(self, parse: Callable[[], T | None], ended: Callable[[], bool]) -> list[T]:
        """Things until `ended`, or a '}' that none of them takes; a bad one is reported and skipped."""
        items: list[T] = []
        while self._current.kind not in (END, "}") and not ended():
            start, depth = self._position, len(self._scopes)
            nesting = self._nesting
            try:
                item = parse()
                if item is not None:
                    items.append(item)
            except SyntaxProblem as e:
                del self._scopes[depth:]
                self._nesting = nesting
                self._diagnostics.error(e.message, e.span, *e.notes)
                self._recover(start)
        return items

    def _recover(self, start: int) -> None:
        depth = 0
        for token in self._tokens[start : self._position]:
            depth += (token.kind == "{") - (token.kind == "}")
        depth = max(depth, 0)
        while self._current.kind != END:
            kind = self._current.kind
            if kind == "}" and depth == 0:
                return
            self._advance()
            if kind == "{":
                depth += 1
            elif kind == "}":
                depth -= 1
                if depth <= 0 and self._current.kind not in ("else", ";"):
                    return
            elif kind == ";" and depth == 0:
                return

    # Annotations

    def _annotations(self) -> list[Annotation]:
        found: list[Annotation] = []
        while self._current.kind == "@":
            self._advance()
            name = self._advance()
            if name.kind != IDENTIFIER and name.kind not in KEYWORDS:
                raise self._problem(f"expected the name of an annotation, found {name.named}", name.span)
            if name.text == "pragma":
                found.append(self._pragma())
            elif self._current.kind == "(":
                found.append(Annotation(name.text, self._balanced()))
                if name.text == "name" and not _STRINGS.fullmatch(found[-1].body):
                    self._diagnostics.error("@name takes a string", name.span)
            elif self._current.kind == "[":
                if any(a.name == name.text for a in found):
                    self._diagnostics.error(f"the annotation '@{name.text}' is given twice", name.span)
                found.append(self._structured(name.text))
            else:
                found.append(Annotation(name.text))
        return found

    def _pragma(self) -> Annotation:
        name = self._advance()
        words: list[Token] = []
        while not self._current.first and self._current.kind != END:
            words.append(self._advance())
        return Annotation(name.text, _text_of(words))

    def _balanced(self) -> str:
        opening = self._expect("(")
        words: list[Token] = []
        depth = 1
        while depth:
            if self._current.kind == END:
                raise self._problem("the annotation's '(' is not closed", opening.span)
            token = self._advance()
            depth += (token.kind == "(") - (token.kind == ")")
            words.append(token)
        return _text_of(words[:-1])

    def _structured(self, name: str) -> Annotation:
        """The annotation with [expressions] or [name = expression, ...]."""
        raise NotImplementedError


def _text_of(tokens: list[Token]) -> str:
    text = "".join(t.text if t.glued or i == 0 else " " + t.text for i, t in enumerate(tokens))
    return text.strip()


def string_value(token: Token) -> str:
    """The characters of a string token."""
    if token.kind != STRING:
        raise ValueError(f"{token.text} is no string")
    return token.text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
