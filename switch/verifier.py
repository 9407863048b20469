"""Reading the kernel verifier's log: where in the P4 source a rejected program went wrong."""

from __future__ import annotations

import re

from rackplane.switch.errors import SourceLine, VerifierError

_SOURCE = re.compile(r"^; (?P<text>.*?) ?@ (?P<file>[^@]+):(?P<line>\d+)$")
_NOISE = re.compile(
    r"^(;|\d+: \(|processed |verification time|stack depth|from \d+|R\d+(_\w+)?=|frame\d|-- |"
    r"func#|\d+: R\d|max_states|mark_|last_idx|parent |regs=|\s*$)"
)
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


def explain(program: str, log: str) -> VerifierError:
    """Turn a rejection into an error whose message ends at the culprit's source line."""
    lines = source_lines(log)
    why = reason(log) or "no reason given"
    message = f"the kernel's verifier refused {program}: {why}"
    shown = "".join(f"\n  {line.file}:{line.line}: {line.text}".rstrip(": ") for line in lines[-_SHOWN_LINES:])
    return VerifierError(message + shown, lines, log)
