"""A preprocessed program as one text: every token at its own file, line and column."""

from __future__ import annotations

from collections.abc import Sequence

from rackplane.compiler.lexing.tokens import END, HASH, STRING, Token


def render(tokens: Sequence[Token]) -> str:
    """The text that the preprocessor reads as these same tokens, with #line where the place changes."""
    out: list[str] = []
    file, line, column = "", 0, 1
    for token in tokens:
        if token.kind == END:
            break
        fits = token.file == file and token.line == line and token.column >= column
        # A '#' in front of a line would be a directive.
        if not fits and not (token.kind == HASH and out):
            if token.file == file and 0 < token.line - line <= 1:
                out.append("\n")
            else:
                named = f' "{token.file}"' if token.file != file else ""
                out.append(f"\n#line {token.line}{named}\n")
            file, line, column = token.file, token.line, 1
        out.append(" " * max(token.column - column, 0) + token.text)
        column = token.column + len(token.text)
        if token.kind == STRING and "\n" in token.text:
            file = ""
    return "".join(out).lstrip("\n") + "\n"


def source_lines(text: str) -> dict[tuple[str, int], str]:
    """The lines of a preprocessed program by file and line, as the tokens that stand there, without comments."""
    found: dict[tuple[str, int], str] = {}
    file, line = "", 1
    for row in text.splitlines():
        if row.startswith("#line "):
            number, _, name = row.removeprefix("#line ").partition(" ")
            file, line = name[1:-1] or file, int(number)
            continue
        known = found.get((file, line), "")
        if row.strip():
            found[file, line] = f"{known} {row.strip()}".strip()
        line += 1
    return found
