"""Once an epoch: read what false invalidations each region has had, and what bounded splitting makes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from rackplane.control.mind.channel import DirectoryChannel
from rackplane.control.mind.prefixes import Prefix
from rackplane.control.mind.regions import Region, Regions
from rackplane.control.mind.splitting import Plan, Splitter

_COUNTERS = 1 << 32
MOST_CHANGES = 64
"""Splits and joins of one epoch: each takes a region from its holders for a round trip or two."""


@dataclass
class FalseInvalidations:
    """Counts per epoch out of counters that only rise, per directory slot."""

    channel: DirectoryChannel
    _before: dict[int, int] = field(default_factory=dict)

    async def since_last(self, regions: Collection[Region]) -> dict[Region, int]:
        """Pages given up for nothing since the last call; a slot that is new has had none."""
        slots = [region.slot for region in regions]
        now = dict(zip(slots, await self.channel.read_false_pages(slots), strict=True))
        counts = {r: (now[r.slot] - self._before.get(r.slot, now[r.slot])) % _COUNTERS for r in regions}
        self._before = now
        return counts


@dataclass
class Totals:
    """What splitting has done so far."""

    splits: int = 0
    joins: int = 0
    false_invalidations: int = 0
    most_regions: int = 0


@dataclass
class Planner:
    """One epoch's decision, from the switch's counters and the books."""

    regions: Regions
    counters: FalseInvalidations
    splitter: Splitter
    blocks: Callable[[], Collection[Prefix]]
    totals: Totals = field(default_factory=Totals)

    async def next_epoch(self) -> Plan:
        """Read the counters and plan. Raises ChannelError."""
        counts = await self.counters.since_last(tuple(self.regions.by_base.values()))
        plan = self.splitter.plan(counts, self.blocks(), len(self.regions.free))
        self.totals.false_invalidations += sum(counts.values())
        self.totals.most_regions = max(self.totals.most_regions, len(counts))
        return _bounded(plan, counts)


def _bounded(plan: Plan, counts: Mapping[Region, int]) -> Plan:
    """The changes that are worth most."""
    split = plan.split[:MOST_CHANGES]
    return Plan(plan.threshold, split, plan.join[: MOST_CHANGES - len(split)])
