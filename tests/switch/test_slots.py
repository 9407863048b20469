"""Numbers and ranges of shared memory: never given out twice, and anew only after the readers are done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.switch.slots import Lowest, Regions, Slots


class Readers:
    """Counts how often somebody has waited for them."""

    def __init__(self) -> None:
        self.waits = 0

    def wait(self) -> None:
        self.waits += 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80))
def test_numbers_in_use_are_distinct(steps: list[tuple[bool, int]]) -> None:
    readers = Readers()
    slots, used, rested = Slots(8, first=2, wait=readers.wait), list[int](), dict[int, int]()
    for take, which in steps:
        if take:
            number = slots.take()
            assert (number is None) == (len(used) == 6)
            if number is not None:
                assert number in range(2, 8)
                assert number not in used
                assert readers.waits > rested.get(number, -1), "given out again before its readers were done"
                used.append(number)
        elif used:
            number = used.pop(which % len(used))
            rested[number] = readers.waits
            slots.give_back(number)


def test_fresh_numbers_need_no_waiting() -> None:
    readers = Readers()
    slots = Slots(3, wait=readers.wait)
    first = slots.take()
    assert first == 0
    slots.give_back(first)
    assert [slots.take(), slots.take(), readers.waits] == [1, 2, 0]
    assert [slots.take(), readers.waits] == [0, 1]
    assert [slots.take(), readers.waits] == [None, 1]


@pytest.mark.parametrize("rested", [False, True])
def test_a_number_can_be_reclaimed(rested: bool) -> None:
    slots = Slots(2, wait=lambda: None)
    assert [slots.take(), slots.take()] == [0, 1]
    slots.give_back(0)
    slots.give_back(1)
    if rested:
        assert slots.take() == 0
        slots.give_back(0)
    slots.reclaim(1)
    assert [slots.take(), slots.take()] == [0, None]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=80))
def test_ranges_in_use_do_not_overlap(steps: list[tuple[bool, int]]) -> None:
    readers = Readers()
    regions, used, rested = Regions(24, wait=readers.wait), list[tuple[int, int]](), dict[int, int]()
    for take, count in steps:
        if take:
            start = regions.take(count)
            cells = {cell for first, length in used for cell in range(first, first + length)}
            if start is None:
                assert not any(cells.isdisjoint(range(n, n + count)) for n in range(25 - count)), "there was room"
                continue
            mine = range(start, start + count)
            assert cells.isdisjoint(mine)
            assert 0 <= start <= 24 - count
            assert all(readers.waits > rested.get(cell, -1) for cell in mine)
            used.append((start, count))
        elif used:
            start, length = used.pop(count % len(used))
            rested |= dict.fromkeys(range(start, start + length), readers.waits)
            regions.give_back(start, length)


@given(st.lists(st.integers(-1, 20), max_size=60))
def test_the_lowest_free_number_comes_next(steps: list[int]) -> None:
    numbers, used = Lowest(), set[int]()
    for step in steps:
        if step < 0 or not used:
            expected = next(n for n in range(100) if n not in used)
            assert numbers.take() == expected
            used.add(expected)
        else:
            given_back = sorted(used)[step % len(used)]
            used.remove(given_back)
            numbers.give_back(given_back)
