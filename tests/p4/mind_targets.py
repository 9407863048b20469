"""mind.p4 on each target that this machine has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from mind_bench import MACS, RACK, STRANGER, Bench
from mind_target import Cables, controlled, is_root, switch

from rackplane.switch.target import Target, TargetMissing
from rackplane.switch.targets import by_name

TARGETS = (
    pytest.param("xdp", marks=pytest.mark.root),
    pytest.param("bmv2", marks=[pytest.mark.root, pytest.mark.bmv2]),
)


def usable(name: str) -> Target:
    """The target, or a skipped test where it cannot run."""
    target = by_name(name)
    if not is_root():
        pytest.skip("needs root")
    try:
        target.check()
    except TargetMissing as error:
        pytest.skip(str(error))
    return target


@contextlib.contextmanager
def running_bench(target: Target, folder: Path) -> Iterator[Bench]:
    """A switch of a target with blades that the tests play."""
    with (
        Cables(MACS, (STRANGER,)) as cables,
        switch(target, cables, folder) as settings,
        controlled(settings, RACK) as (controller, loop),
    ):
        yield Bench(cables, controller, loop)
