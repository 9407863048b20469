"""Whatever is done to a program or a script, the answer is code or a message: never a traceback."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from finsy.proto import p4i, p4r
from mutated_text import PROGRAMS, SCRIPTS, mutated

from rackplane.compiler import clang
from rackplane.compiler.build import compile_pipeline
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.frontend import load
from rackplane.compiler.ids import assign_all
from rackplane.compiler.p4info import build
from rackplane.switch.stf.controls import Controls
from rackplane.switch.stf.entries import table_add, table_set_default
from rackplane.switch.stf.script import AddEntry, Control, SetDefault, StfError, parse_script

MUTANTS = int(os.environ.get("MUTANTS", "5"))
"""Of each program; the variable MUTANTS asks for more."""

INCLUDED = (Path(__file__).parent / "programs",)


@pytest.fixture(autouse=True)
def without_clang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer to generated code is not in question here, and takes most of the time."""
    monkeypatch.setattr(clang, "compile_c", lambda text: b"an object")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_programs(path: Path, tmp_path: Path) -> None:
    mutant = tmp_path / path.name
    for seed in range(MUTANTS):
        mutant.write_text(mutated(path.read_text(), random.Random(f"{path.stem} {seed}")))
        try:
            compile_pipeline(load(mutant, (path.parent, *INCLUDED)))
        except CompileErrors as errors:
            assert all(diagnostic.message for diagnostic in errors.diagnostics)


class Written:
    """Stands in for the client of a switch: takes everything."""

    def write(self, updates: object) -> None:
        assert updates

    def read(self, _entity: object) -> list[p4r.Entity]:
        return []


def programs_of(script: Path) -> Path | None:
    beside = script.with_suffix(".p4")
    return beside if beside.exists() else None


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_scripts(script: Path) -> None:
    source = programs_of(script)
    info = p4i.P4Info()
    if source is not None:
        pipeline = load(source, INCLUDED)
        info = build(pipeline, assign_all(pipeline))
    for seed in range(12 * MUTANTS):
        run(mutated(script.read_text(), random.Random(f"{script.stem} {seed}")), info)


def run(text: str, info: p4i.P4Info) -> None:
    """All that a runner does with a script, but for packets."""
    try:
        commands = parse_script(text)
    except StfError:
        return
    controls = Controls(Written(), info)  # type: ignore[arg-type]
    for command in commands:
        try:
            if isinstance(command, AddEntry):
                table_add(command, info)
            elif isinstance(command, SetDefault):
                table_set_default(command, info)
            elif isinstance(command, Control):
                controls.run(command)
        except StfError as error:
            assert str(error)
