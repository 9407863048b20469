"""Preprocessor macros: definition and expansion of token lists."""

from __future__ import annotations

from dataclasses import dataclass

from rackplane.compiler.lexing.diagnostics import Diagnostics
from rackplane.compiler.lexing.lexer import tokenize
from rackplane.compiler.lexing.tokens import IDENTIFIER, INTEGER, KEYWORDS, STRING, Token

MAX_EXPANDED_TOKENS = 300_000

Hidden = frozenset[str]


class ExpansionTooLarge(Exception):
    """Macros expand to more tokens than the limit."""

    def __init__(self, token: Token) -> None:
        super().__init__(token.text)
        self.token = token


@dataclass(frozen=True)
class Macro:
    """A macro; `parameters` is None for an object-like one."""

    name: str
    parameters: tuple[str, ...] | None
    body: tuple[Token, ...]


def is_word(token: Token) -> bool:
    """Whether the preprocessor sees the token as an identifier (P4's keywords are none to it)."""
    return token.kind == IDENTIFIER or token.kind in KEYWORDS


class MacroTable:
    """The macros that are defined at one point of the source."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._macros: dict[str, Macro] = {}
        self._diagnostics = diagnostics
        self._budget = MAX_EXPANDED_TOKENS

    def __contains__(self, name: str) -> bool:
        return name in self._macros or name in ("__LINE__", "__FILE__")

    def define(self, macro: Macro) -> None:
        """Define or redefine a macro."""
        self._macros[macro.name] = macro

    def undefine(self, name: str) -> None:
        """Forget a macro; an unknown name is no error."""
        self._macros.pop(name, None)

    def expand(self, tokens: list[Token]) -> list[Token]:
        """The tokens with every macro replaced; replacements stand where the macro was used.

        Raises:
            ExpansionTooLarge: when the result of the whole compilation grows past the limit.
        """
        macros = self._macros
        if not any(t.text in macros or t.text in ("__LINE__", "__FILE__") for t in tokens):
            return tokens
        return self._expand([(t, frozenset()) for t in tokens])

    def _expand(self, items: list[tuple[Token, Hidden]]) -> list[Token]:
        pending = items[::-1]
        out: list[Token] = []
        while pending:
            token, hidden = pending.pop()
            self._budget -= 1
            if self._budget < 0:
                raise ExpansionTooLarge(token)
            macro = self._macros.get(token.text) if is_word(token) and token.text not in hidden else None
            if macro is None:
                out.append(_builtin(token))
                continue
            replacement = self._replacement(macro, token, pending)
            if replacement is None:
                out.append(token)
                continue
            inner = hidden | {macro.name}
            pending.extend((t, inner) for t in reversed(replacement))
        return out

    def _replacement(self, macro: Macro, use: Token, pending: list[tuple[Token, Hidden]]) -> list[Token] | None:
        if macro.parameters is None:
            return _placed(_pasted(list(macro.body)), use)
        if not pending or pending[-1][0].kind != "(":
            return None
        arguments = self._arguments(macro, use, pending)
        if arguments is None:
            return []
        return _placed(_pasted(self._substituted(macro, arguments)), use)

    def _arguments(
        self, macro: Macro, use: Token, pending: list[tuple[Token, Hidden]]
    ) -> list[list[tuple[Token, Hidden]]] | None:
        pending.pop()
        arguments: list[list[tuple[Token, Hidden]]] = [[]]
        depth = 0
        while pending:
            item = pending.pop()
            kind = item[0].kind
            if kind == ")" and depth == 0:
                break
            if kind == "," and depth == 0:
                arguments.append([])
                continue
            depth += (kind in "([{") - (kind in ")]}") if len(kind) == 1 else 0
            arguments[-1].append(item)
        else:
            self._diagnostics.error(f"the call of macro '{macro.name}' is not closed with ')'", use.span)
            return None
        wanted = len(macro.parameters or ())
        if wanted == 0 and arguments == [[]]:
            arguments = []
        if len(arguments) != wanted:
            message = f"macro '{macro.name}' takes {wanted} argument(s), not {len(arguments)}"
            self._diagnostics.error(message, use.span)
            return None
        return arguments

    def _substituted(self, macro: Macro, arguments: list[list[tuple[Token, Hidden]]]) -> list[Token]:
        given = dict(zip(macro.parameters or (), arguments, strict=True))
        body = macro.body
        out: list[Token] = []
        index = 0
        while index < len(body):
            token = body[index]
            following = body[index + 1] if index + 1 < len(body) else None
            if token.kind == "#" and following is not None and following.text in given:
                out.append(_stringified(token, [t for t, _ in given[following.text]]))
                index += 2
                continue
            if token.text in given and is_word(token):
                beside_paste = (following is not None and following.kind == "##") or (out and out[-1].kind == "##")
                raw = given[token.text]
                out.extend([t for t, _ in raw] if beside_paste else self._expand(raw))
            else:
                out.append(token)
            index += 1
        return out


def _builtin(token: Token) -> Token:
    if token.text == "__LINE__":
        return token._replace(kind=INTEGER, text=str(token.line))
    if token.text == "__FILE__":
        return token._replace(kind=STRING, text=f'"{token.file}"')
    return token


def _placed(tokens: list[Token], use: Token) -> list[Token]:
    placed = [Token(t.kind, t.text, use.file, use.line, use.column, t.glued, False) for t in tokens]
    if placed:
        placed[0] = placed[0]._replace(glued=use.glued, first=use.first)
    return placed


def _stringified(mark: Token, tokens: list[Token]) -> Token:
    text = "".join(t.text if t.glued or i == 0 else " " + t.text for i, t in enumerate(tokens))
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return mark._replace(kind=STRING, text=f'"{escaped}"')


def _pasted(tokens: list[Token]) -> list[Token]:
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.kind == "##" and out and index + 1 < len(tokens):
            joined = tokenize(out[-1].text + tokens[index + 1].text, token.file)
            out[-1:] = [t._replace(line=token.line, column=token.column) for t in joined]
            index += 2
            continue
        out.append(token)
        index += 1
    return out
