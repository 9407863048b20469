"""STF scripts of fixtures/: both targets do what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiled_program import FIXTURES
from on_targets import TARGETS

from rackplane.switch.stf.runner import run_script
from rackplane.switch.targets import by_name

SCRIPTS = sorted(FIXTURES.glob("*.stf"))


@pytest.mark.root
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_script(script: Path, target: str, tmp_path: Path) -> None:
    found = by_name(target)
    program = found.compile(script.with_suffix(".p4"), tmp_path)
    assert run_script(script, program, found).problems == ()
