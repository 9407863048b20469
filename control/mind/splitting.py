"""Bounded splitting: which regions to split and which to join, by what their false invalidations cost. Pure.

MIND, section 5. A large region takes few directory slots, and each INVALIDATE takes pages away that nobody asked
for: those are its false invalidations. Once an epoch, a region with more of them than a threshold t is split in two
equal halves; two halves that together have less are joined again when slots are short. With memory for N regions of
the largest size and f_i false invalidations in region i, t = sum(f) / (c N): fewer than c N regions can be over it,
and a region of 2^k pages can be split k times, so splitting never makes more than c N (1 + k) regions. c adapts to
the use of the directory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rackplane.control.mind.prefixes import Prefix
from rackplane.control.mind.regions import MAX_REGION, MIN_REGION, Region

EPOCH = 0.1
"""Seconds. The paper compares 1, 10 and 100 ms; the last is its choice (section 7.3)."""
RESERVE = 3
"""Free slots that a split must leave: a transition under way may need them."""
HIGH_USE = 0.95
"""Share of the slots in use over which c shrinks; it grows again below."""
JOIN_USE = 0.8
"""Share of the slots in use over which halves are joined."""
GROWTH, SHRINKAGE = 1.1, 0.5
LEAST_C, MOST_C = 1 / 64, 64.0


@dataclass(frozen=True)
class Plan:
    """What an epoch changes: regions to split in two, and pairs of buddies (lower, upper) to join."""

    threshold: float
    split: tuple[Region, ...] = ()
    join: tuple[tuple[Region, Region], ...] = ()


@dataclass
class Splitter:
    """The threshold's memory, for a directory of `capacity` slots."""

    capacity: int
    c: float = 1.0
    epochs: int = field(default=0, init=False)

    def plan(self, counts: Mapping[Region, int], blocks: Collection[Prefix], free: int) -> Plan:
        """What to do after an epoch.

        counts: false invalidations in the epoch, of each region that may be split or joined. blocks: the ranges
        that the regions divide; neighbours in different ranges are never joined. free: slots that no region has.
        """
        self.epochs += 1
        used = 1 - free / self.capacity
        self.c = min(max(self.c * (SHRINKAGE if used > HIGH_USE else GROWTH), LEAST_C), MOST_C)
        largest = sum(max(1, block.size // MAX_REGION) for block in blocks)
        threshold = sum(counts.values()) / (self.c * max(1, largest))
        split = _to_split(counts, threshold, free)
        join = _to_join(counts, blocks, threshold, set(split)) if used > JOIN_USE else ()
        return Plan(threshold, split, join)


def _to_split(counts: Mapping[Region, int], threshold: float, free: int) -> tuple[Region, ...]:
    """The worst first, as far as the slots go: each split takes one more."""
    over = [region for region, count in counts.items() if count > threshold and region.prefix.size > MIN_REGION]
    over.sort(key=lambda region: (-counts[region], region))
    return tuple(over[: max(0, free - RESERVE)])


def _to_join(
    counts: Mapping[Region, int], blocks: Collection[Prefix], threshold: float, split: set[Region]
) -> tuple[tuple[Region, Region], ...]:
    """Buddies in one range with little to lose, the calmest first."""
    by_base = {region.prefix.base: region for region in counts}
    starts = {block.base for block in blocks}
    pairs = []
    for lower in counts:
        size = lower.prefix.size
        upper = by_base.get(lower.prefix.base + size)
        if upper is None or upper.prefix.size != size or upper.prefix.base in starts:
            continue
        if lower.prefix.base % (2 * size) or 2 * size > MAX_REGION or split & {lower, upper}:
            continue
        together = counts[lower] + counts[upper]
        if together < threshold or together == 0:
            pairs.append((together, lower, upper))
    return tuple((lower, upper) for _, lower, upper in sorted(pairs))
