"""The switch under test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mind_bench import Bench
from mind_targets import TARGETS, running_bench, usable


@pytest.fixture(scope="session", params=TARGETS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One switch for all cases of a target; a case sets the directory entry that it needs."""
    target = usable(request.param)
    with running_bench(target, tmp_path_factory.mktemp(target.name)) as made:
        yield made
