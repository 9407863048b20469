"""Placement of ranges in rack memory: least-loaded memory blade, first fit, power-of-two blocks. Pure.

MIND, section 4.1: a block is a power of two and aligned to its size, so that one prefix covers it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from rackplane.control.mind.prefixes import PAGE, Prefix, round_up_to_power_of_two


class OutOfMemoryError(Exception):
    """No memory blade has a free block of the size asked for."""


@dataclass(frozen=True)
class Blade:
    """A memory blade: it holds the addresses from base to base + capacity - 1."""

    memory_id: int
    base: int
    capacity: int


@dataclass
class _Heap:
    """One blade's free addresses as disjoint (start, end) intervals, sorted and never adjacent."""

    blade: Blade
    free: list[tuple[int, int]]
    used: int = 0

    def take(self, size: int) -> int | None:
        """First fit, aligned to size; None when nothing fits."""
        for index, (start, end) in enumerate(self.free):
            base = (start + size - 1) & ~(size - 1)
            if base + size <= end:
                rest = [(a, b) for a, b in ((start, base), (base + size, end)) if a < b]
                self.free[index : index + 1] = rest
                self.used += size
                return base
        return None

    def give(self, block: Prefix) -> None:
        """Return a block, joining it with its free neighbours."""
        start, end = block.base, block.end
        index = bisect_left(self.free, (start, end))
        if index < len(self.free) and self.free[index][0] == end:
            end = self.free.pop(index)[1]
        if index > 0 and self.free[index - 1][1] == start:
            start = self.free.pop(index - 1)[0]
        insort(self.free, (start, end))
        self.used -= block.size


@dataclass
class Allocator:
    """All memory blades of a rack. Sizes are bytes; blocks are at least one 4 KiB page."""

    heaps: list[_Heap] = field(default_factory=list)
    blocks: dict[int, tuple[Prefix, _Heap]] = field(default_factory=dict)

    @classmethod
    def of(cls, blades: Iterable[Blade]) -> Allocator:
        """An allocator with everything free."""
        return cls([_Heap(blade, [(blade.base, blade.base + blade.capacity)]) for blade in blades])

    def allocate(self, size: int) -> Prefix:
        """A block of at least `size` bytes on the least-loaded blade that has room. Raises OutOfMemoryError."""
        if size <= 0:
            raise ValueError(f"a range of {size} bytes: the size must be positive")
        wanted = max(PAGE, round_up_to_power_of_two(size))
        for heap in sorted(self.heaps, key=lambda h: (h.used, h.blade.memory_id)):
            base = heap.take(wanted)
            if base is not None:
                block = Prefix(base, wanted)
                self.blocks[base] = (block, heap)
                return block
        free = ", ".join(f"m{h.blade.memory_id + 1}: {h.blade.capacity - h.used}" for h in self.heaps)
        raise OutOfMemoryError(
            f"{size} bytes need an aligned block of {wanted}, and no memory blade has one free (free bytes: {free})"
        )

    def release(self, base: int) -> None:
        """Return the block that starts at base. Raises KeyError."""
        block, heap = self.blocks.pop(base)
        heap.give(block)

    def usage(self) -> dict[int, tuple[int, int]]:
        """Used bytes and capacity by memory id."""
        return {heap.blade.memory_id: (heap.used, heap.blade.capacity) for heap in self.heaps}
