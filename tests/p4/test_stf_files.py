"""The STF scripts: as the model writes them, and what both targets make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mind_stf import FOLDER, scripts
from mind_target import P4SRC
from mind_targets import TARGETS, usable

from rackplane.switch.stf.runner import run_script
from rackplane.switch.target import Program, Target

NAMES = sorted(scripts())


def test_there_are_no_other_scripts() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.stf")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_what_the_model_says(name: str) -> None:
    assert (FOLDER / name).read_text() == scripts()[name], "run python tests/p4/mind_stf.py"


@pytest.fixture(scope="module", params=TARGETS)
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Target, Program]:
    target = usable(request.param)
    return target, target.compile(P4SRC / "mind.p4", tmp_path_factory.mktemp("stf"))


@pytest.mark.parametrize("name", NAMES)
def test_script_on_target(compiled: tuple[Target, Program], name: str) -> None:
    target, program = compiled
    assert run_script(Path(FOLDER / name), program, target).problems == ()
