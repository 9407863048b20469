"""The ordinary programs: what their STF scripts say holds on both targets."""

from __future__ import annotations

from pathlib import Path

import pytest
from mind_target import P4SRC
from mind_targets import TARGETS, usable

from rackplane.switch.stf.runner import run_script

FOLDER = Path(__file__).parent / "stf_ordinary"


@pytest.mark.parametrize("name", ["l2", "router"])
@pytest.mark.parametrize("target", TARGETS)
def test_script_on_target(target: str, name: str, tmp_path: Path) -> None:
    switch = usable(target)
    program = switch.compile(P4SRC / f"{name}.p4", tmp_path)
    assert run_script(FOLDER / f"{name}.stf", program, switch).problems == ()
