"""What the compiler says of a program that it cannot compile: located messages, several in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rackplane.compiler.source import NOWHERE, Span

Reader = Callable[[str], str]


class Severity(Enum):
    """How bad a diagnostic is; only errors stop the compilation."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Diagnostic:
    """One message about one place of a P4 source; `notes` say how to mend it."""

    message: str
    span: Span = NOWHERE
    severity: Severity = Severity.ERROR
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The message in one line: file:line:column: severity: message."""
        where = f"{self.span.file}:{self.span.line}:{self.span.column}: " if self.span.line else ""
        return f"{where}{self.severity.value}: {self.message}"


class CompileErrors(Exception):
    """The program has errors; `diagnostics` holds at least one, in source order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))

    @classmethod
    def at(cls, message: str, span: Span = NOWHERE, *notes: str) -> CompileErrors:
        """One error at one place."""
        return cls([Diagnostic(message, span, notes=notes)])


def read_source(file: str) -> str:
    """The text of a source file, empty when it cannot be read: a message matters more than its picture."""
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def render(diagnostic: Diagnostic, read: Reader = read_source) -> str:
    """The message, the source line that it is about, a caret under the marked text, and the notes."""
    lines = [str(diagnostic)]
    span = diagnostic.span
    source = read(span.file).splitlines() if span.line else []
    if 0 < span.line <= len(source):
        text = source[span.line - 1]
        before = "".join(c if c == "\t" else " " for c in text[: max(span.column - 1, 0)])
        marked = max(1, min(span.length, len(text) - len(before)))
        lines += [f"    {text}", f"    {before}^{'~' * (marked - 1)}"]
    lines += [f"    note: {note}" for note in diagnostic.notes]
    return "\n".join(lines)
