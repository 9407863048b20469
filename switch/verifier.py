"""Reading the kernel verifier's log: where in the P4 source a rejected program went wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rackplane.compiler.clines import OWN_NAME, p4_place
from rackplane.switch.errors import SourceLine, VerifierError
from rackplane.switch.lineinfo import line_at

_SOURCE = re.compile(r"^; (?P<text>.*?) ?@ (?P<file>[^@]+):(?P<line>\d+)$")
_NOISE = re.compile(
    r"^(;|\d+: \(|processed |verification time|stack depth|from \d+|R\d+(_\w+)?=|frame\d|-- |"
    r"func#|\d+: R\d|max_states|mark_|last_idx|parent |regs=|\s*$)"
)
_INSTRUCTION = re.compile(r"^(?P<number>\d{1,7}): \(")
_SHOWN_LINES = 5
_SAID_LINES = 2


def source_lines(log: str) -> tuple[SourceLine, ...]:
    """Return the source lines that the verifier passed, in order, without repeats of the same place in a row.

    Kernels before 6.9 give no file and line with the text; nothing is returned for their logs.
    """
    lines: list[SourceLine] = []
    for row in log.splitlines():
        match = _SOURCE.match(row)
        if match is None or int(match["line"]) == 0:
            continue
        line = SourceLine(match["file"], int(match["line"]), match["text"].strip())
        if not lines or lines[-1] != line:
            lines.append(line)
    return tuple(lines)


def reason(log: str) -> str:
    """Return what the verifier says at the end of its log about why it gave up; empty when it says nothing."""
    rows = [row.strip() for row in log.splitlines()]
    while rows and _NOISE.match(rows[-1]):
        rows.pop()
    said: list[str] = []
    while rows and not _NOISE.match(rows[-1]) and len(said) < _SAID_LINES:
        said.insert(0, rows.pop())
    return "; ".join(said)


def explain(program: str, log: str, known: dict[int, SourceLine] | None = None) -> VerifierError:
    """Turn a rejection into an error whose message ends at the culprit's source line.

    `known` are the program's lines by instruction, for kernels whose log does not name them.
    """
    lines = source_lines(log) or _by_instructions(log, known or {})
    return _error(program, reason(log) or "no reason given", lines, log)


def in_p4(error: VerifierError, c_text: str, p4_lines: Mapping[tuple[str, int], str]) -> VerifierError:
    """The same error with P4 lines in the place of those of the C text that was made for them."""
    lines: list[SourceLine] = []
    for line in error.lines:
        span = p4_place(c_text, line.line) if line.file == OWN_NAME else None
        if span is None:
            continue
        text = p4_lines.get((span.file, span.line), line.text)
        found = SourceLine(span.file, span.line, text)
        if not lines or lines[-1] != found:
            lines.append(found)
    return _error(error.program, error.reason, tuple(lines) or error.lines, error.log)


def _error(program: str, why: str, lines: tuple[SourceLine, ...], log: str) -> VerifierError:
    where = f" at {lines[-1].file}:{lines[-1].line}" if lines else ""
    shown = "".join(f"\n  {line.file}:{line.line}: {line.text}".rstrip(": ") for line in lines[-_SHOWN_LINES:])
    message = f"the kernel's verifier refused {program}{where}: {why}{shown}"
    return VerifierError(message, lines, log, program, why)


def _by_instructions(log: str, known: dict[int, SourceLine]) -> tuple[SourceLine, ...]:
    lines: list[SourceLine] = []
    for row in log.splitlines():
        match = _INSTRUCTION.match(row)
        line = line_at(known, int(match["number"])) if match else None
        if line is not None and (not lines or lines[-1] != line):
            lines.append(line)
    return tuple(lines)
