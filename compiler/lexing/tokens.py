"""Tokens of P4_16 source text."""

from __future__ import annotations

from typing import NamedTuple

from rackplane.compiler.source import Span

KEYWORDS = frozenset(
    [
        "abstract",
        "action",
        "actions",
        "apply",
        "bool",
        "bit",
        "break",
        "const",
        "continue",
        "control",
        "default",
        "else",
        "entries",
        "enum",
        "error",
        "exit",
        "extern",
        "false",
        "for",
        "header",
        "header_union",
        "if",
        "in",
        "inout",
        "int",
        "key",
        "list",
        "match_kind",
        "out",
        "parser",
        "package",
        "priority",
        "return",
        "select",
        "state",
        "string",
        "struct",
        "switch",
        "table",
        "this",
        "transition",
        "true",
        "tuple",
        "type",
        "typedef",
        "varbit",
        "value_set",
        "void",
        "_",
    ]
)

# Keywords that may also be used as ordinary names.
SOFT_KEYWORDS = frozenset(["actions", "apply", "entries", "key", "priority", "state", "type", "list"])

IDENTIFIER = "identifier"
INTEGER = "integer"
STRING = "string"
HASH = "#"
BAD = "bad"
END = "end of file"


class Token(NamedTuple):
    """One token. `kind` is the text itself for keywords and punctuation, else one of this module's kinds.

    `glued` says that no space stands in front; `first` that it starts a logical line.
    """

    kind: str
    text: str
    file: str
    line: int
    column: int
    glued: bool
    first: bool

    @property
    def span(self) -> Span:
        """Where the token stands."""
        return Span(self.file, self.line, self.column, max(len(self.text), 1))

    @property
    def problem(self) -> str:
        """Why a token of kind BAD, or a stray '#', is none."""
        if self.text.startswith('"'):
            return "the string is not closed on its line"
        if self.text == "/*":
            return "the comment is not closed"
        if self.kind != BAD:
            return f"'{self.text}' does not belong here"
        return f"the character {self.text!r} does not belong in P4"

    @property
    def named(self) -> str:
        """The token as a message shows it."""
        if self.kind == END:
            return END
        return self.text if self.kind == STRING else f"'{self.text}'"
