"""Placement: power-of-two blocks, first fit, least-loaded blade; nothing overlaps, nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rackplane.control.mind.allocator import Allocator, Blade, OutOfMemoryError
from rackplane.control.mind.prefixes import PAGE, Prefix, round_up_to_power_of_two

MIB = 1 << 20


def two_blades(capacity: int = 16 * MIB) -> Allocator:
    return Allocator.of([Blade(0, 1 << 40, capacity), Blade(1, 2 << 40, capacity)])


@pytest.mark.parametrize(
    ("size", "expected"), [(1, PAGE), (PAGE, PAGE), (PAGE + 1, 2 * PAGE), (MIB, MIB), (MIB + 1, 2 * MIB)]
)
def test_sizes(size: int, expected: int) -> None:
    block = two_blades().allocate(size)
    assert (block.size, block.base % expected) == (expected, 0)


def test_least_loaded_blade_first() -> None:
    allocator = two_blades()
    blades = [allocator.allocate(size).base >> 40 for size in (MIB, PAGE, PAGE, 2 * MIB, MIB, MIB)]
    assert blades == [1, 2, 2, 2, 1, 1]


def test_first_fit_takes_the_lowest_hole() -> None:
    allocator = Allocator.of([Blade(0, 1 << 40, 16 * MIB)])
    blocks = [allocator.allocate(MIB) for _ in range(4)]
    allocator.release(blocks[2].base)
    allocator.release(blocks[0].base)
    assert allocator.allocate(PAGE).base == blocks[0].base
    assert allocator.allocate(MIB).base == blocks[2].base


def test_another_blade_when_the_least_loaded_has_no_hole() -> None:
    allocator = Allocator.of([Blade(0, 1 << 40, MIB), Blade(1, 2 << 40, 64 * MIB)])
    allocator.allocate(2 * MIB)
    assert allocator.allocate(4 * MIB).base >> 40 == 2


def test_out_of_memory_names_what_is_free() -> None:
    allocator = two_blades(MIB)
    allocator.allocate(PAGE)
    with pytest.raises(OutOfMemoryError, match=r"1048577 bytes need an aligned block of 2097152.*m1: 1044480"):
        allocator.allocate(MIB + 1)


@pytest.mark.parametrize("size", [0, -1])
def test_no_size(size: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        two_blades().allocate(size)


class Placement(RuleBasedStateMachine):
    """Random allocations and releases."""

    def __init__(self) -> None:
        super().__init__()
        self.allocator = two_blades(4 * MIB)
        self.held: list[Prefix] = []

    @rule(size=st.integers(1, 2 * MIB))
    def allocate(self, size: int) -> None:
        used = self.allocator.usage()
        try:
            block = self.allocator.allocate(size)
        except OutOfMemoryError:
            wanted = max(PAGE, round_up_to_power_of_two(size))
            for blade in (1, 2):
                base = blade << 40
                assert not any(self._free(at, wanted) for at in range(base, base + 4 * MIB, wanted))
            return
        blade = (block.base >> 40) - 1
        other = 1 - blade
        if used[other][0] < used[blade][0]:
            base = (other + 1) << 40
            assert not any(self._free(at, block.size) for at in range(base, base + 4 * MIB, block.size))
        assert self._free(block.base, block.size)
        self.held.append(block)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        block = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.allocator.release(block.base)

    @invariant()
    def books_are_right(self) -> None:
        used = {0: 0, 1: 0}
        for block in self.held:
            used[(block.base >> 40) - 1] += block.size
        assert {blade: use for blade, (use, _) in self.allocator.usage().items()} == used

    def teardown(self) -> None:
        for block in self.held:
            self.allocator.release(block.base)
        assert [heap.free for heap in self.allocator.heaps] == [
            [(base, base + 4 * MIB)] for base in (1 << 40, 2 << 40)
        ]

    def _free(self, base: int, size: int) -> bool:
        return not any(b.base < base + size and base < b.end for b in self.held)


TestPlacement = Placement.TestCase
