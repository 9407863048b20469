"""C sources for BCC: one text of a file and what it includes.

BCC rewrites map declarations and look-ups in the main text only. So quoted includes are put into it, each
file once, with #line directives that keep the compiler's messages about the right file and line.
"""

from __future__ import annotations

import re
from pathlib import Path

from rackplane.ebpf.errors import ProgramError

_INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def one_text(main: Path) -> str:
    """The text of `main` with its quoted includes in their places. Raises ProgramError for a missing file."""
    return "\n".join(_lines(main.resolve(), set())) + "\n"


def _lines(path: Path, included: set[Path]) -> list[str]:
    included.add(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProgramError(f"cannot read {path}: {error.strerror}") from error
    lines = [f'#line 1 "{path}"']
    for number, line in enumerate(text.splitlines(), start=1):
        match = _INCLUDE.match(line)
        if match is None:
            lines.append(line)
            continue
        other = (path.parent / match.group(1)).resolve()
        if other not in included:
            lines += _lines(other, included)
        lines.append(f'#line {number + 1} "{path}"')
    return lines
