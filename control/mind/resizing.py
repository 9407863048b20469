"""Splitting a region in two and joining two halves, while programs use them.

The regions are recalled first, so nobody holds a page and every request is told to wait (state L) until the entries
of `region.regions` are the new ones. Longer prefixes win: the halves' entries go in before the whole's goes out,
and the other way round, so that every address has a slot at every moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import finsy as fy

from rackplane.control.mind.channel import DirectoryChannel
from rackplane.control.mind.directory import Entry, State, newer
from rackplane.control.mind.entries import region_entries
from rackplane.control.mind.prefixes import Prefix
from rackplane.control.mind.recall import Recaller, RecallError
from rackplane.control.mind.regions import Region, Regions
from rackplane.control.p4runtime import Update, WriteError, write


@dataclass(frozen=True)
class Resizer:
    """Changes the regions of one switch. One caller at a time, who also keeps others from the same regions."""

    switch: fy.Switch
    channel: DirectoryChannel
    recaller: Recaller
    regions: Regions

    async def split(self, region: Region, locked: Entry) -> tuple[Region, Region]:
        """Two halves of a region that is locked with this entry; both are open at the end.

        Raises OutOfSlotsError, WriteError or RecallError; then the region is open and whole.
        """
        try:
            lower, upper = self.regions.split(region)
        except Exception:
            await self.recaller.unlock({region: locked})
            raise
        try:
            await self._lock_slot(upper, locked.version)
            await write(self.switch, Update.INSERT, region_entries((upper, lower)))
            await write(self.switch, Update.DELETE, region_entries((region,)))
        except (WriteError, RecallError):
            await self.switch.delete([e.encode() for e in region_entries((upper, lower))], strict=False)
            self.regions.join(lower, upper)
            await self.recaller.unlock({region: locked})
            raise
        await self.recaller.unlock({lower: locked, upper: Entry(State.L, version=locked.version)})
        return lower, upper

    async def join(self, lower: Region, upper: Region, locked: dict[Region, Entry]) -> Region:
        """One region of two halves that are locked with these entries. Raises WriteError or RecallError."""
        joined = Region(Prefix(lower.prefix.base, 2 * lower.prefix.size), lower.slot)
        whole = Entry(State.L, version=newer(locked[lower].version, locked[upper].version))
        try:
            await self.recaller.swap(lower, locked[lower], whole)
            await write(self.switch, Update.INSERT, region_entries((joined,)))
            await write(self.switch, Update.DELETE, region_entries((upper, lower)))
        except WriteError:
            await self.switch.delete([e.encode() for e in region_entries((joined,))], strict=False)
            await self.recaller.unlock({lower: whole, upper: locked[upper]})
            raise
        self.regions.join(lower, upper)
        await self.recaller.unlock({joined: whole, upper: locked[upper]})
        return joined

    async def _lock_slot(self, region: Region, version: int) -> None:
        """A slot that had no region begins locked, with the version of the region that it comes from."""
        before = await self.channel.read(region.slot)
        await self.recaller.swap(region, before, Entry(State.L, version=version))
