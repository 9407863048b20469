"""Taking every copy of a region back, so that the control plane can free, re-protect or reset it.

The switch does the work: it moves the entry to SL_A or ML_A, invalidates the holders, and locks the region (state
L) when the last one has acknowledged. Here is only patience: asking again, and giving up on who does not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rackplane.control.mind.channel import Cause, DirectoryChannel, Notice
from rackplane.control.mind.directory import Entry, State, abandon, lock, unlock
from rackplane.control.mind.regions import Region

log = logging.getLogger(__name__)

REPEAT = 0.02
"""Seconds until the holders are asked again; a blade may write many pages back before it acknowledges."""
PATIENCE = 2.0
"""Seconds until a holder that does not answer is taken for dead."""
CONCURRENT = 64


class RecallError(Exception):
    """A holder did not give a region up."""


@dataclass(frozen=True)
class Recalled:
    """What a recall has reached: the entries of the regions that are locked (state L), and of those still held."""

    locked: dict[Region, Entry]
    held: dict[Region, Entry]


@dataclass
class Recaller:
    """Recalls regions; `notice` has to be called with every RECALLED notice."""

    channel: DirectoryChannel
    patience: float = PATIENCE
    _waiting: dict[int, asyncio.Event] = field(default_factory=dict)

    def notice(self, notice: Notice) -> None:
        """The switch says that nobody holds the region of a slot any more."""
        event = self._waiting.get(notice.slot)
        if notice.cause is Cause.RECALLED and event is not None:
            event.set()

    async def recall(self, regions: Collection[Region]) -> Recalled:
        """Bring all regions to state L, but for those whose last holders do not answer.

        They are in SL_A or ML_A still: the caller decides (`give_up`, or report and leave it).
        """
        window = asyncio.Semaphore(CONCURRENT)

        async def one(region: Region, seen: Entry) -> Entry:
            async with window:
                return await self._recall_one(region, seen)

        seen = await self.channel.read_many([region.slot for region in regions])
        entries = await asyncio.gather(*(one(r, entry) for r, entry in zip(regions, seen, strict=True)))
        result = Recalled({}, {})
        for region, entry in zip(regions, entries, strict=True):
            (result.locked if entry.state is State.L else result.held)[region] = entry
        return result

    async def give_up(self, held: Mapping[Region, Entry]) -> dict[Region, Entry]:
        """Lock regions although holders have not answered: what those modified is lost. Returns the entries."""
        for region, entry in held.items():
            holders = ", ".join(f"c{blade + 1}" for blade in entry.holders())
            log.warning("region %s: %s did not give it up and is left out", region.prefix, holders)
            await self.swap(region, entry, abandon(entry))
        return {region: abandon(entry) for region, entry in held.items()}

    async def unlock(self, locked: Mapping[Region, Entry]) -> None:
        """Bring locked regions to state I."""
        await asyncio.gather(*(self.swap(region, entry, unlock(entry)) for region, entry in locked.items()))

    async def _recall_one(self, region: Region, seen: Entry) -> Entry:
        if seen.state is State.I:
            old = await self.channel.compare_and_swap(region.slot, seen.pack(), lock(seen).pack())
            if old in (seen.pack(), lock(seen).pack()):
                return lock(seen)
        return await self._ask_holders(region)

    async def _ask_holders(self, region: Region) -> Entry:
        event = asyncio.Event()
        self._waiting[region.slot] = event
        deadline = asyncio.get_running_loop().time() + self.patience
        try:
            while True:
                await self.channel.recall(region.prefix.base)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), REPEAT)
                entry = await self.channel.read(region.slot)
                if entry.state is State.L or asyncio.get_running_loop().time() > deadline:
                    return entry
        finally:
            del self._waiting[region.slot]

    async def swap(self, region: Region, entry: Entry, desired: Entry) -> None:
        """Change an entry that nobody else changes now. Raises RecallError when somebody did."""
        old = await self.channel.compare_and_swap(region.slot, entry.pack(), desired.pack())
        if old not in (entry.pack(), desired.pack()):
            now = Entry.unpack(old)
            raise RecallError(f"region {region.prefix} went from {entry} to {now} while the control plane held it")
