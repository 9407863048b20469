"""Source text to tokens, by one compiled regular expression."""

from __future__ import annotations

import re

from rackplane.compiler.lexing.tokens import BAD, IDENTIFIER, INTEGER, KEYWORDS, STRING, Token

_MASTER = re.compile(
    r"""
    (?P<space>[ \t\r\f\v]+)
  | (?P<newline>\n)
  | (?P<joined>\\[ \t\r]*\n)
  | (?P<line_comment>//[^\n\\]*(?:\\\n?[^\n\\]*)*)
  | (?P<comment>/\*(?:[^*]|\*(?!/))*\*/)
  | (?P<integer>[0-9]+[ws]0[xX][0-9a-fA-F_]+|[0-9]+[ws]0[oO][0-7_]+|[0-9]+[ws]0[bB][01_]+|[0-9]+[ws]0[dD][0-9_]+
      |0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|0[dD][0-9_]+|[0-9]+[ws][0-9_]+|[0-9][0-9_]*)
  | (?P<identifier>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<open>/\*)
  | (?P<mark>\{\#\}|\|\+\|=|\|-\|=|&&&|\.\.\.|<<=|>>=|\|\+\||\|-\||\.\.|<<|&&|\|\||==|!=|>=|<=|\+\+|\+=|-=|\*=|/=|%=
      |&=|\|=|\^=|\+:|\#\#|[-+*/%|&^~()\[\]{}<>!:,?.=;@\#])
  | (?P<bad>"[^\n]*|.)
    """,
    re.VERBOSE,
)

_LONG_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SILENT = frozenset(("space", "newline", "joined", "line_comment", "comment"))


def tokenize(text: str, file: str) -> list[Token]:
    """All tokens of a file; what is no token becomes one of kind BAD, for the reader to judge."""
    tokens: list[Token] = []
    append = tokens.append
    line, line_start, glued, first = 1, 0, False, True
    matches = _MASTER.finditer(text)
    while (match := next(matches, None)) is not None:
        group = match.lastgroup or BAD
        if group in _SILENT:
            glued = False
            if group == "newline":
                first = True
            if group != "space":
                start, end = match.span()
                breaks = text.count("\n", start, end)
                if breaks:
                    line += breaks
                    line_start = text.rfind("\n", start, end) + 1
            continue
        word = match.group()
        kind = group
        if group == "mark" or (group == IDENTIFIER and word in KEYWORDS):
            kind = word
        elif group not in (IDENTIFIER, INTEGER, STRING):
            kind = BAD
            long_string = _LONG_STRING.match(text, match.start()) if _in_annotation(tokens) else None
            if long_string is not None:
                kind, word = STRING, long_string.group()
                matches = _MASTER.finditer(text, long_string.end())
        append(Token(kind, word, file, line, match.start() - line_start + 1, glued, first))
        glued, first = True, False
        if kind == STRING and "\n" in word:
            line += word.count("\n")
            line_start = match.start() + word.rfind("\n") + 1
    return tokens


def _in_annotation(tokens: list[Token]) -> bool:
    """Whether the next token stands in the parentheses of an annotation: only there may a string span lines."""
    depth = 0
    for index in range(len(tokens) - 1, 1, -1):
        kind = tokens[index].kind
        depth += (kind == ")") - (kind == "(")
        if depth < 0:
            return tokens[index - 2].kind == "@"
        if kind in (";", "{", "}"):
            return False
    return False


def parse_integer(text: str) -> tuple[int, int | None, bool]:
    """Value, width (None without a prefix) and signedness of an integer literal."""
    width: int | None = None
    signed = False
    digits = text
    prefix = re.match(r"([0-9]+)([ws])", text)
    if prefix:
        width, signed = int(prefix[1]), prefix[2] == "s"
        digits = text[prefix.end() :]
    digits = digits.replace("_", "")
    base = {"x": 16, "o": 8, "b": 2, "d": 10}.get(digits[1:2].lower()) if digits[:1] == "0" else None
    if base is not None:
        return int(digits[2:] or "0", base), width, signed
    return int(digits or "0"), width, signed
