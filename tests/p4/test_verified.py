"""The kernel verifies the programs of the rack in few steps, far from its limit, so that they may grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from rackplane.compiler.driver import compile_program
from rackplane.switch import libbpf, loader
from rackplane.switch.pipeline import program_names

P4SRC = Path(__file__).resolve().parents[2] / "p4src"
VERIFIER_LIMIT = 1_000_000


@pytest.mark.root
@pytest.mark.parametrize(("name", "bound"), [("l2", 6_000), ("router", 6_000), ("mind", VERIFIER_LIMIT // 5)])
def test_the_verifier_is_done_soon(name: str, bound: int) -> None:
    """What it does depends on the kernel: the bounds are two to three times what Linux 6.18 needs."""
    bundle = compile_program(P4SRC / f"{name}.p4").bundle
    names = program_names(bundle.manifest)
    opened = loader.open_object(bundle.object, names)
    try:
        loaded = loader.load(opened, names)
        programs = [fd for fd in (loaded.ingress_fd, loaded.egress_fd) if fd >= 0]
        steps = [libbpf.program_size(fd).verified_instructions for fd in programs]
    finally:
        opened.close()
    assert 100 < max(steps) <= bound
