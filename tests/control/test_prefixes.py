"""Ranges as prefixes: exact, disjoint, and as few as possible."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.control.mind.prefixes import ADDRESS_BITS, Prefix, round_up, round_up_to_power_of_two, split

addresses = st.one_of(
    st.integers(0, 1 << 20), st.integers(0, 1 << ADDRESS_BITS), st.integers(0, 64).map(lambda b: 1 << b)
)
ranges = st.tuples(addresses, addresses).map(sorted)


@given(ranges)
def test_split_covers_the_range_exactly_once(bounds: list[int]) -> None:
    at, end = bounds
    for prefix in split(at, end):
        assert prefix.base == at
        at = prefix.end
    assert at == end


@given(ranges)
def test_split_stays_within_the_bound(bounds: list[int]) -> None:
    start, end = bounds
    assert len(list(split(start, end))) <= max(1, 2 * (end - start).bit_length())


@functools.cache
def fewest(start: int, end: int, low: int, high: int) -> int:
    """The least number of dyadic intervals of low..high-1 whose union is start..end-1."""
    if end <= low or high <= start:
        return 0
    if start <= low and high <= end:
        return 1
    middle = (low + high) // 2
    return fewest(start, end, low, middle) + fewest(start, end, middle, high)


@given(st.integers(0, 256), st.integers(0, 256))
def test_split_is_minimal(a: int, b: int) -> None:
    start, end = min(a, b), max(a, b)
    assert len(list(split(start, end))) == fewest(start, end, 0, 256)


@pytest.mark.parametrize(
    ("base", "size", "text"),
    [(0, 1 << 64, "0x0/0"), (0x10000, 0x4000, "0x10000/50"), ((1 << 64) - 1, 1, "0xffffffffffffffff/64")],
)
def test_prefix_text(base: int, size: int, text: str) -> None:
    assert str(Prefix(base, size)) == text


@pytest.mark.parametrize(("base", "size"), [(0, 3), (0, 0), (0x1000, 0x2000), (1 << 64, 1), (0, 1 << 65), (-8, 8)])
def test_no_prefix(base: int, size: int) -> None:
    with pytest.raises(ValueError, match="a prefix of"):
        Prefix(base, size)


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (2, 2), (3, 4), (4096, 4096), (4097, 8192)])
def test_round_up_to_power_of_two(value: int, expected: int) -> None:
    assert round_up_to_power_of_two(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 4096), (4096, 4096), (4097, 8192)])
def test_round_up(value: int, expected: int) -> None:
    assert round_up(value, 4096) == expected
