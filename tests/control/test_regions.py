"""Regions and directory slots: bounded, unique, found by address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.control.mind.prefixes import Prefix
from rackplane.control.mind.regions import OutOfSlotsError, Regions

KIB = 1 << 10
MIB = 1 << 20


@pytest.mark.parametrize(
    ("block", "size", "count", "region"),
    [
        (64 * KIB, None, 4, 16 * KIB),
        (4 * KIB, None, 1, 4 * KIB),
        (8 * KIB, 2 * MIB, 1, 8 * KIB),
        (2 * MIB, 4 * KIB, 512, 4 * KIB),
        (4 * MIB, 2 * MIB, 2, 2 * MIB),
        (64 * MIB, None, 128, 512 * KIB),
        (1024 * MIB, None, 512, 2 * MIB),
    ],
)
def test_division(block: int, size: int | None, count: int, region: int) -> None:
    made = Regions(capacity=600).create(Prefix(1 << 40, block), size)
    assert len(made) == count
    assert {r.prefix.size for r in made} == {region}
    assert len({r.slot for r in made}) == count


@pytest.mark.parametrize("size", [2 * KIB, 4 * MIB, 12 * KIB, 1])
def test_no_region_size(size: int) -> None:
    with pytest.raises(ValueError, match="a region is a power of two"):
        Regions().create(Prefix(1 << 40, 8 * MIB), size)


def test_capacity_is_never_exceeded() -> None:
    regions = Regions(capacity=4)
    first = regions.create(Prefix(0, 16 * KIB), 4 * KIB)
    with pytest.raises(OutOfSlotsError, match="need 2 directory slots, and 0 of 4 are free"):
        regions.create(Prefix(16 * KIB, 8 * KIB), 4 * KIB)
    regions.remove(first)
    assert {r.slot for r in regions.create(Prefix(0, 16 * KIB), 4 * KIB)} == {0, 1, 2, 3}


def test_a_slot_that_was_given_back_is_used_last() -> None:
    regions = Regions(capacity=3)
    (first,) = regions.create(Prefix(0, 4 * KIB))
    regions.remove((first,))
    assert regions.create(Prefix(0, 4 * KIB))[0].slot != first.slot


@given(st.integers(0, 40), st.integers(1, 40))
def test_overlapping(start: int, length: int) -> None:
    regions = Regions()
    made = (
        *regions.create(Prefix(4 * KIB, 4 * KIB)),
        *regions.create(Prefix(16 * KIB, 16 * KIB), 4 * KIB),
        *regions.create(Prefix(32 * KIB, 4 * KIB)),
    )
    low, high = start * KIB, (start + length) * KIB
    expected = [r for r in made if r.prefix.base < high and low < r.prefix.end]
    assert list(regions.overlapping(low, high)) == expected
