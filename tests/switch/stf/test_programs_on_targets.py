"""Programs of tests/compiler/programs and of this folder on each target: packets come out as scripts say."""

from __future__ import annotations

from pathlib import Path

import pytest

from rackplane.compiler.bundle import SUFFIX
from rackplane.compiler.driver import compile_with_lead, write_parts
from rackplane.switch.stf.runner import has_short_packets, run_script
from rackplane.switch.target import Program, Target
from rackplane.switch.targets import by_name

HERE = Path(__file__).parent / "programs"
SHARED = Path(__file__).parents[2] / "compiler" / "programs"
SCRIPTS = sorted([*HERE.glob("*.stf"), *SHARED.glob("*.stf")])
# Programs that p4c does not compile for BMv2: tables applied again, for over lists, computed slices.
REFUSED = frozenset(("calls_exit", "instances", "loops", "slices"))
XDP_ONLY = sorted(HERE.glob("xdp_only/*.stf"))
LEAD_BYTES = 16


@pytest.mark.root
@pytest.mark.parametrize("script", [*SCRIPTS, *XDP_ONLY], ids=lambda p: p.stem)
def test_on_xdp(script: Path, tmp_path: Path) -> None:
    lead = LEAD_BYTES if has_short_packets(script) else 0
    bundle = compile_with_lead(script.with_suffix(".p4"), [SHARED], lead_bytes=lead)
    write_parts(bundle, tmp_path, "program")
    program = Program(tmp_path / "program.p4info.txtpb", tmp_path / f"program{SUFFIX}")
    check(script, program, by_name("xdp"), lead)


@pytest.mark.root
@pytest.mark.bmv2
@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.stem not in REFUSED], ids=lambda p: p.stem)
def test_on_bmv2(script: Path, tmp_path: Path) -> None:
    target = by_name("bmv2")
    check(script, target.compile(script.with_suffix(".p4"), tmp_path, [SHARED]), target, 0)


def check(script: Path, program: Program, target: Target, lead: int) -> None:
    assert run_script(script, program, target, lead).problems == ()
