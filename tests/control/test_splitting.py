"""Bounded splitting: what is split and joined, and the bounds that hold whatever the counts are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackplane.control.mind.prefixes import Prefix
from rackplane.control.mind.regions import MAX_REGION, MIN_REGION, Region
from rackplane.control.mind.splitting import RESERVE, Splitter

K = 1 << 10
BASE = 1 << 40


def regions(*sizes: int) -> list[Region]:
    """Regions one after the other from BASE, of these sizes in KiB, with slots 0, 1, ..."""
    made, base = [], BASE
    for slot, size in enumerate(sizes):
        made.append(Region(Prefix(base, size * K), slot))
        base += size * K
    return made


# sizes in KiB, counts, capacity, slots free -> indices split, pairs joined
CASES = {
    "nothing happened": ((16, 16, 16, 16), (0, 0, 0, 0), 100, 96, [], []),
    "the busy one is split": ((16, 16, 16, 16), (90, 5, 5, 0), 100, 96, [0], []),
    "a page is never split": ((4, 4, 8), (90, 80, 0), 100, 97, [], []),
    "the worst first": ((16, 16, 16, 16), (0, 48, 49, 3), 10, RESERVE + 2, [2, 1], []),
    "the worst alone, as slots are short": ((16, 16, 16, 16), (0, 48, 49, 3), 10, RESERVE + 1, [2], []),
    "no split into the reserve": ((16, 16), (90, 0), 8, RESERVE, [], []),
    "calm buddies are joined when slots are short": ((16, 16, 32), (1, 2, 90), 100, 10, [2], [(0, 1)]),
    "the same counts, with slots to spare": ((16, 16, 32), (1, 2, 90), 100, 50, [2], []),
    "buddies of different sizes stay": ((16, 8, 8), (0, 0, 0), 100, 10, [], [(1, 2)]),
    "neighbours that are no buddies stay": ((8, 8, 8, 8), (0, 0, 0, 0), 100, 10, [], [(0, 1), (2, 3)]),
}


@pytest.mark.parametrize(
    ("sizes", "counts", "capacity", "free", "split", "joined"), CASES.values(), ids=CASES.keys()
)
def test_a_plan(  # noqa: PLR0917
    sizes: tuple[int, ...],
    counts: tuple[int, ...],
    capacity: int,
    free: int,
    split: list[int],
    joined: list[tuple[int, int]],
) -> None:
    made = regions(*sizes)
    plan = Splitter(capacity, c=2.0).plan(dict(zip(made, counts, strict=True)), [Prefix(BASE, 64 * K)], free)
    assert [region.slot for region in plan.split] == split
    assert [(lower.slot, upper.slot) for lower, upper in plan.join] == joined


def test_ranges_are_not_joined_with_each_other() -> None:
    made = regions(16, 16)
    blocks = [region.prefix for region in made]
    assert Splitter(100).plan(dict.fromkeys(made, 0), blocks, 5).join == ()
    assert Splitter(100).plan(dict.fromkeys(made, 0), [Prefix(BASE, 32 * K)], 5).join == (tuple(made),)


def test_nothing_grows_over_the_largest_region() -> None:
    made = regions(MAX_REGION // K, MAX_REGION // K)
    assert Splitter(100).plan(dict.fromkeys(made, 0), [Prefix(BASE, 2 * MAX_REGION)], 5).join == ()


def test_c_follows_the_use_of_the_directory() -> None:
    splitter = Splitter(100, c=1.0)
    splitter.plan({}, [], 50)
    grown = splitter.c
    assert grown > 1
    for _ in range(3):
        splitter.plan({}, [], 2)
    assert splitter.c < grown / 4


def after(
    state: dict[Prefix, int], plan_of: list[Region], joined: tuple[tuple[Region, Region], ...]
) -> set[Prefix]:
    prefixes = set(state)
    for region in plan_of:
        half = region.prefix.size // 2
        prefixes -= {region.prefix}
        prefixes |= {Prefix(region.prefix.base, half), Prefix(region.prefix.base + half, half)}
    for lower, upper in joined:
        prefixes -= {lower.prefix, upper.prefix}
        prefixes |= {Prefix(lower.prefix.base, 2 * lower.prefix.size)}
    return prefixes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(4, 60), st.integers(1, 40))
def test_regions_tile_the_range_and_never_outnumber_the_slots(seed: int, capacity: int, epochs: int) -> None:
    """Whatever is counted: every address stays in one region, slots suffice, sizes stay within bounds."""
    block = Prefix(1 << 41, 2 * MAX_REGION)
    prefixes = {Prefix(block.base, MAX_REGION), Prefix(block.base + MAX_REGION, MAX_REGION)}
    splitter = Splitter(capacity)
    for epoch in range(epochs):
        made = [Region(prefix, slot) for slot, prefix in enumerate(sorted(prefixes))]
        counts = {region: hash((seed, epoch, region.prefix.base)) % 100 for region in made}
        plan = splitter.plan(counts, [block], capacity - len(made))
        over = [region for region in made if counts[region] > plan.threshold]
        assert len(over) <= splitter.c * 2, "fewer than c N regions are over the threshold"
        prefixes = after(dict.fromkeys(prefixes, 0), list(plan.split), plan.join)
        assert len(prefixes) <= capacity
        assert sum(prefix.size for prefix in prefixes) == block.size
        ends = sorted((prefix.base, prefix.end) for prefix in prefixes)
        assert all(end == start for (_, end), (start, _) in itertools.pairwise(ends))
        assert all(MIN_REGION <= prefix.size <= MAX_REGION for prefix in prefixes)
