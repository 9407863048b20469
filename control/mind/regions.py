"""Coherence regions and the directory slots that they occupy. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass, field

from rackplane.control.mind.prefixes import Prefix, is_power_of_two

MIN_REGION = 4 << 10
MAX_REGION = 2 << 20
DEFAULT_REGION = 16 << 10
DEFAULT_SLOTS = 30_000
"""What MIND's switch has (section 7); p4src/include/sizes.p4 has room for a few more."""


class OutOfSlotsError(Exception):
    """The directory has no free slots for the regions asked for."""


@dataclass(frozen=True, order=True)
class Region:
    """A unit of coherence and its slot."""

    prefix: Prefix
    slot: int


@dataclass
class Regions:
    """All regions of a directory of `capacity` slots."""

    capacity: int = DEFAULT_SLOTS
    free: deque[int] = field(default_factory=deque)
    bases: list[int] = field(default_factory=list)
    by_base: dict[int, Region] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """All slots are free."""
        self.free = deque(range(self.capacity))

    def create(self, block: Prefix, size: int | None = None) -> tuple[Region, ...]:
        """Divide a block into regions of `size` bytes (a power of two, 4 KiB to 2 MiB).

        Without a size the regions are of 16 KiB, or larger where the block would else take more than a quarter of
        the free slots. Raises OutOfSlotsError.
        """
        size = min(size or self._suitable(block), block.size)
        if not is_power_of_two(size) or not MIN_REGION <= size <= MAX_REGION:
            raise ValueError(
                f"a region of {size} bytes: a region is a power of two from {MIN_REGION} to {MAX_REGION}"
            )
        count = block.size // size
        if count > len(self.free):
            raise OutOfSlotsError(
                f"{block.size} bytes in regions of {size} need {count} directory slots, and {len(self.free)} of "
                f"{self.capacity} are free: use larger regions or free a range"
            )
        made = tuple(Region(Prefix(block.base + index * size, size), self.free.popleft()) for index in range(count))
        for region in made:
            self._note(region)
        return made

    def remove(self, regions: tuple[Region, ...]) -> None:
        """Give the slots of regions back; they are used again last."""
        for region in regions:
            del self.by_base[region.prefix.base]
            del self.bases[bisect_left(self.bases, region.prefix.base)]
            self.free.append(region.slot)

    def split(self, region: Region) -> tuple[Region, Region]:
        """Make two of a region: the lower half keeps the slot. Raises OutOfSlotsError."""
        size = region.prefix.size // 2
        if size < MIN_REGION:
            raise ValueError(
                f"region {region.prefix} cannot be split: no region is smaller than {MIN_REGION} bytes"
            )
        if not self.free:
            raise OutOfSlotsError(f"all {self.capacity} directory slots are in use")
        lower = Region(Prefix(region.prefix.base, size), region.slot)
        upper = Region(Prefix(region.prefix.base + size, size), self.free.popleft())
        self._note(lower)
        self._note(upper)
        return lower, upper

    def join(self, lower: Region, upper: Region) -> Region:
        """Make one of two halves, in the lower one's slot."""
        if upper.prefix != Prefix(lower.prefix.end, lower.prefix.size):
            raise ValueError(f"regions {lower.prefix} and {upper.prefix} are no halves of one region")
        joined = Region(Prefix(lower.prefix.base, 2 * lower.prefix.size), lower.slot)
        self.remove((upper,))
        self._note(joined)
        return joined

    def overlapping(self, start: int, end: int) -> tuple[Region, ...]:
        """The regions that have an address in start..end-1, in address order."""
        first = max(0, bisect_right(self.bases, start) - 1)
        last = bisect_left(self.bases, end)
        found = (self.by_base[base] for base in self.bases[first:last])
        return tuple(region for region in found if region.prefix.end > start)

    def _note(self, region: Region) -> None:
        if region.prefix.base not in self.by_base:
            insort(self.bases, region.prefix.base)
        self.by_base[region.prefix.base] = region

    def _suitable(self, block: Prefix) -> int:
        size = DEFAULT_REGION
        while size < MAX_REGION and block.size // size > max(1, len(self.free) // 4):
            size *= 2
        return size
