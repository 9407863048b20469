"""Every program in tests/compiler/bad is rejected with exactly the errors that its last lines name.

`// error: LINE:COLUMN: MESSAGE` names one, in the order in which the compiler finds them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rackplane.compiler.errors import CompileErrors, render
from rackplane.compiler.frontend import load

BAD = Path(__file__).parents[1] / "bad"
PROGRAMS = sorted(p for p in BAD.glob("*.p4") if p.name != "frame.p4")


def expected(path: Path) -> list[str]:
    return re.findall(r"^// error: (.*)$", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_rejected_with_its_errors(path: Path) -> None:
    with pytest.raises(CompileErrors) as caught:
        load(path)
    found = [f"{d.span.line}:{d.span.column}: {d.message}" for d in caught.value.diagnostics]
    assert expected(path)
    assert found == expected(path)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_shown_with_the_line_and_a_caret(path: Path) -> None:
    with pytest.raises(CompileErrors) as caught:
        load(path)
    for diagnostic in caught.value.diagnostics:
        lines = render(diagnostic).splitlines()
        assert lines[0].endswith(f"error: {diagnostic.message}")
        if diagnostic.span.file == str(path) and diagnostic.span.line < 100:
            assert lines[1][4:] == path.read_text().splitlines()[diagnostic.span.line - 1]
            assert lines[2].index("^") == 4 + min(diagnostic.span.column - 1, len(lines[1]) - 4)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(CompileErrors) as caught:
        load(BAD / "unknown_name.p4")
    assert caught.value.diagnostics[0].notes == ("did you mean 'meta'?",)
