"""Lines of a generated program's C text and the P4 places that they come from, as its #line directives say.

The directives are for this module and for people. clang gets the text without them: what it tells the kernel then
counts the lines of the C text, which is right in every version of clang, and with code of several P4 files.
"""

from __future__ import annotations

import re

from rackplane.compiler.ir import Span

OWN_NAME = "program.c"
_DIRECTIVE = re.compile(r'#line (\d+) "([^"]*)"')


def without_directives(text: str) -> str:
    """The text with an empty line in the place of each directive."""
    return "\n".join("" if line.startswith("#line ") else line for line in text.split("\n"))


def p4_place(text: str, line: int) -> Span | None:
    """The P4 place of a line (from 1) of a program with directives; None for lines that come from no P4 line."""
    file, shift = OWN_NAME, 0
    for number, row in enumerate(text.split("\n")[:line], start=1):
        directive = _DIRECTIVE.fullmatch(row)
        if directive is not None:
            file, shift = directive[2], int(directive[1]) - number - 1
    return None if file == OWN_NAME else Span(file, line + shift, 1)
