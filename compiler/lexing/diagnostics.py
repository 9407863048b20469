"""The diagnostics of one compilation: collected, without repeats, and bounded in number."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rackplane.compiler.errors import CompileErrors, Diagnostic, Severity
from rackplane.compiler.source import Span

MAX_ERRORS = 100


class TooManyErrors(Exception):
    """The program has more errors than anybody reads; checking stops."""


class Diagnostics:
    """Errors and warnings in the order in which they were found."""

    def __init__(self) -> None:
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self._seen: set[tuple[str, Span]] = set()

    @property
    def count(self) -> int:
        """How many errors there are."""
        return len(self.errors)

    def error(self, message: str, span: Span, *notes: str) -> None:
        """Record an error once."""
        if (message, span) in self._seen:
            return
        self._seen.add((message, span))
        self.errors.append(Diagnostic(message, span, Severity.ERROR, notes))
        if len(self.errors) >= MAX_ERRORS:
            raise TooManyErrors

    def warn(self, message: str, span: Span, *notes: str) -> None:
        """Record a warning once."""
        if (message, span) not in self._seen:
            self._seen.add((message, span))
            self.warnings.append(Diagnostic(message, span, Severity.WARNING, notes))

    def stop_on_errors(self) -> None:
        """Raise all errors that were found so far.

        Raises:
            CompileErrors: when there is at least one.
        """
        if self.errors:
            raise CompileErrors(self.errors)


def did_you_mean(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A note that names the closest known name, or nothing."""
    close = difflib.get_close_matches(name, [k for k in known if k != name], n=1, cutoff=0.6)
    return (f"did you mean '{close[0]}'?",) if close else ()
