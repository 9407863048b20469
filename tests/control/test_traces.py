"""Allocation traces of real programs: what MIND's paper counts in figure 7. They are not part of the project:
RACKPLANE_DATA names a folder that has them in mind-alloc/.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from rackplane.control.mind.allocator import Allocator, Blade
from rackplane.control.mind.prefixes import PAGE, Prefix, round_up, round_up_to_power_of_two
from rackplane.control.mind.protection import Domain, Rights

NAMES = [f"{program}-{threads}" for program in ("graphchi", "memcached", "tensorflow") for threads in (10, 20, 80)]
BLADES = 8
CAPACITY = 1 << 40


@pytest.fixture
def folder() -> Path:
    data = os.environ.get("RACKPLANE_DATA")
    if not data or not (Path(data) / "mind-alloc").is_dir():
        pytest.skip("RACKPLANE_DATA names no folder with mind-alloc/")
    return Path(data) / "mind-alloc"


def sizes(path: Path) -> Iterator[tuple[int, Rights]]:
    """The ranges that a trace maps. brk gives the whole size of the heap: what it grew by is a new range."""
    heap = 0
    for line in path.read_text().splitlines():
        call, length, *rest = line.split()
        wanted = int(length)
        rights = Rights.parse(rest[-1].replace("-", "") if rest[-1] in ("--", "r-", "-w") else rest[-1])
        if call == "brk":
            wanted, heap = wanted - heap, max(heap, wanted)
        if wanted > 0:
            yield wanted, rights


def jain(loads: list[int]) -> float:
    return sum(loads) ** 2 / (len(loads) * sum(load * load for load in loads))


@pytest.mark.parametrize("name", NAMES)
def test_trace(folder: Path, name: str) -> None:
    allocator = Allocator.of(Blade(number, (number + 1) << 40, CAPACITY) for number in range(BLADES))
    domain = Domain(1)
    blocks: list[Prefix] = []
    largest = 0
    for size, rights in sizes(folder / f"{name}.txt"):
        block = allocator.allocate(size)
        assert block.size == max(PAGE, round_up_to_power_of_two(size))
        domain.protect(block.base, block.base + round_up(size, PAGE), rights)
        blocks.append(block)
        largest = max(largest, block.size)
    blocks.sort()
    assert all(a.end <= b.base for a, b in pairwise(blocks))
    loads = [used for used, _ in allocator.usage().values()]
    # Least-loaded placement: no two blades differ by more than the largest block.
    assert max(loads) - min(loads) <= largest
    if sum(loads) > 4 * BLADES * largest:
        assert jain(loads) > 0.95
    entries = len(list(domain.grants()))
    pages = sum(block.size for block in blocks) // PAGE
    assert entries <= 9 * len(blocks)
    assert entries < pages
