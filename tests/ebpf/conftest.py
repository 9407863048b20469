"""Root tests are skipped for who is not root; links and blades that the tests of this folder share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from blade_bench import BladeLink

from rackplane.ebpf.memory_blade import MemoryBlade, MemoryBladeOptions

CAPACITY = 1 << 20


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="session")
def shared_blade() -> Iterator[MemoryBlade]:
    """A memory blade of 1 MiB on no interface: frames are given to its program directly."""
    blade = MemoryBlade(MemoryBladeOptions(capacity=CAPACITY, lifetime=60))
    yield blade
    blade.close()


@pytest.fixture
def link() -> Iterator[BladeLink]:
    """A link to a namespace with nothing at its far end yet."""
    made = BladeLink()
    yield made
    made.close()
