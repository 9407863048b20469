"""The controller: allocation, protection and regions of one rack, kept in step with its switch.

Every change is made in the switch first and in the books after, one request at a time; when the switch refuses
something, what was done for the request is taken back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from dataclasses import asdict, dataclass, field

import finsy as fy

from rackplane.control.mind import stats
from rackplane.control.mind.allocator import Allocator, Blade, OutOfMemoryError
from rackplane.control.mind.api import Alloc, Free, ListRegions, NewDomain, Protect, Request, Stats
from rackplane.control.mind.channel import Cause, ChannelError, DirectoryChannel, Notice
from rackplane.control.mind.directory import Entry, State
from rackplane.control.mind.entries import MulticastGroup, grant_entries, rack_entries, region_entries
from rackplane.control.mind.epochs import FalseInvalidations, Planner
from rackplane.control.mind.prefixes import PAGE, Prefix
from rackplane.control.mind.protection import MAX_DOMAIN, Change, Domain, Rights
from rackplane.control.mind.rack import Rack
from rackplane.control.mind.recall import Recalled, Recaller, RecallError
from rackplane.control.mind.regions import OutOfSlotsError, Region, Regions
from rackplane.control.mind.resizing import Resizer
from rackplane.control.mind.splitting import Plan, Splitter
from rackplane.control.p4runtime import Update, WriteError, write

log = logging.getLogger(__name__)


class ControlError(Exception):
    """A request that cannot be granted; the text says why."""


FAILURES = (ControlError, OutOfMemoryError, OutOfSlotsError, WriteError, ChannelError, RecallError, ValueError)
"""What a request may end in; the caller gets the text."""


@dataclass(frozen=True)
class Allocation:
    """A range that was given out."""

    block: Prefix
    domain: int


@dataclass
class Controller:
    """One rack's books. `channel` must be open while requests are handled."""

    switch: fy.Switch
    rack: Rack
    channel: DirectoryChannel
    recaller: Recaller
    regions: Regions
    epoch: float = 0.0
    """Seconds between two looks at what to split and join; 0: never."""
    allocator: Allocator = field(init=False)
    planner: Planner = field(init=False)
    domains: dict[int, Domain] = field(default_factory=dict)
    allocations: dict[int, Allocation] = field(default_factory=dict)
    abandoned: int = 0
    resets: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _resetting: set[int] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """All memory is free."""
        self.allocator = Allocator.of(Blade(m.memory_id, m.base, m.capacity) for m in self.rack.memory)
        counters = FalseInvalidations(self.channel)
        self.planner = Planner(self.regions, counters, Splitter(self.regions.capacity), self._blocks)

    async def install(self) -> None:
        """Write the entries that the rack needs before its first range. Raises WriteError."""
        entries = list(rack_entries(self.rack))
        groups = [entry for entry in entries if isinstance(entry, MulticastGroup)]
        await write(self.switch, Update.INSERT, groups)
        await write(self.switch, Update.INSERT, (e for e in entries if not isinstance(e, MulticastGroup)))
        if self.epoch:
            self._start(self._epochs())

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def handle(self, request: Request) -> object:
        """Carry a request out; the result is what JSON can say. Raises one of FAILURES."""
        async with self._lock:
            match request:
                case Alloc():
                    return await self._alloc(request)
                case Free():
                    return await self._free(request)
                case Protect():
                    return await self._protect(request)
                case ListRegions():
                    return await self._list(request)
                case Stats():
                    return await self._stats()
                case NewDomain():
                    return self._new_domain()

    def notice(self, notice: Notice) -> None:
        """Take a packet-in: the end of a recall, or a blade's RESET."""
        if notice.cause is Cause.RECALLED:
            self.recaller.notice(notice)
        elif notice.cause is Cause.RESET and notice.slot not in self._resetting:
            self._resetting.add(notice.slot)
            self._start(self._reset(notice))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _alloc(self, request: Alloc) -> dict[str, object]:
        block = self.allocator.allocate(request.size)
        regions: tuple[Region, ...] = ()
        try:
            if request.coherent:
                regions = self.regions.create(block, request.region_size or None)
                await write(self.switch, Update.INSERT, region_entries(regions))
            await self._apply(request.domain, block.base, block.end, request.rights)
        except FAILURES:
            await self._discard(regions)
            self.allocator.release(block.base)
            raise
        self.allocations[block.base] = Allocation(block, request.domain)
        region_size = regions[0].prefix.size if regions else 0
        return {"va": block.base, "size": block.size, "regions": len(regions), "region_size": region_size}

    async def _discard(self, regions: tuple[Region, ...]) -> None:
        """Undo the entries of regions that a failed request has made; some may never have been made."""
        try:
            entities = [entry.encode() for entry in region_entries(regions)]
            await self.switch.delete(entities, strict=False)
        except fy.P4ClientError as error:
            log.error("entries of an allocation that failed stay in the switch: %s", error)
        self.regions.remove(regions)

    async def _free(self, request: Free) -> dict[str, object]:
        block = self._allocation(request.va).block
        regions = self.regions.overlapping(block.base, block.end)
        # Without rights nobody can become a holder any more.
        for domain in list(self.domains):
            await self._write_change(self.domains[domain].protect(block.base, block.end, Rights.NONE))
        recalled = await self.recaller.recall(regions)
        if recalled.held and not request.force:
            region, entry = next(iter(recalled.held.items()))
            raise ControlError(
                f"{len(recalled.held)} regions are still held (the first, {region.prefix}, is {entry}): it stays "
                "allocated, without rights: free it again, or with force if the holder is dead"
            )
        locked = await self._give_up(recalled)
        await write(self.switch, Update.DELETE, region_entries(regions))
        await self.recaller.unlock(locked)
        self.regions.remove(regions)
        self.allocator.release(block.base)
        del self.allocations[block.base]
        return {"va": block.base, "size": block.size}

    async def _protect(self, request: Protect) -> dict[str, object]:
        end = request.va + request.length
        if request.va % PAGE or request.length % PAGE:
            raise ControlError(f"{request.va:#x} + {request.length}: rights are set on whole pages of {PAGE} bytes")
        block = self._containing(request.va).block
        if end > block.end:
            raise ControlError(f"{request.va:#x} to {end:#x} reaches over the end of its range at {block.end:#x}")
        change = await self._apply(request.domain, request.va, end, request.rights)
        recalled = await self._recall_lowered(change)
        return {"inserted": len(change.insert), "deleted": len(change.delete), "recalled": recalled}

    async def _recall_lowered(self, change: Change) -> int:
        """Copies that were taken under a right which is gone must go too."""
        regions = {r for start, end in change.lowered for r in self.regions.overlapping(start, end)}
        await self._reopen(regions)
        return len(regions)

    async def _reopen(self, regions: Collection[Region]) -> None:
        """Take all copies of regions back, leave out who does not answer, and open them again."""
        await self.recaller.unlock(await self._give_up(await self.recaller.recall(regions)))

    async def _give_up(self, recalled: Recalled) -> dict[Region, Entry]:
        """All regions of a recall, locked."""
        self.abandoned += len(recalled.held)
        return {**recalled.locked, **await self.recaller.give_up(recalled.held)}

    async def _list(self, request: ListRegions) -> list[dict[str, object]]:
        found = self.regions.overlapping(request.start, 1 << 64)[: request.limit]
        entries = await self.channel.read_many([region.slot for region in found])
        return [
            {
                "va": region.prefix.base,
                "size": region.prefix.size,
                "slot": region.slot,
                "state": entry.state.name,
                "sharers": [f"c{blade + 1}" for blade in entry.holders()],
                "version": entry.version,
            }
            for region, entry in zip(found, entries, strict=True)
        ]

    async def _stats(self) -> dict[str, object]:
        slots = [region.slot for region in self.regions.by_base.values()]
        usage = self.allocator.usage()
        return {
            "memory": {
                m.name: dict(zip(("used", "capacity"), usage[m.memory_id], strict=True)) for m in self.rack.memory
            },
            "ranges": len(self.allocations),
            "domains": sorted(self.domains),
            "protection_entries": sum(sum(1 for _ in domain.grants()) for domain in self.domains.values()),
            "directory": {
                "slots": self.regions.capacity,
                "used": len(slots),
                "states": stats.summarize(await self.channel.read_many(slots)),
                "resets": self.resets,
                "abandoned": self.abandoned,
            },
            "splitting": {
                "epochs": self.planner.splitter.epochs,
                "c": round(self.planner.splitter.c, 3),
                **asdict(self.planner.totals),
            },
            "reasons": await stats.read_reasons(self.switch),
            "transitions": await stats.read_transitions(self.switch),
        }

    def _new_domain(self) -> int:
        number = next((n for n in range(1, MAX_DOMAIN + 1) if n not in self.domains), None)
        if number is None:
            raise ControlError(f"all {MAX_DOMAIN} protection domains are in use")
        self.domains[number] = Domain(number)
        return number

    async def _apply(self, number: int, start: int, end: int, rights: Rights) -> Change:
        """Set rights in the books and in the switch; on failure both are as before."""
        domain = self.domains.setdefault(number, Domain(number))
        before = list(domain.runs(start, end))
        change = domain.protect(start, end, rights)
        try:
            await self._write_change(change)
        except WriteError:
            for low, high, old in before:
                domain.protect(max(low, start), min(high, end), old)
            await self._revert(change, domain)
            raise
        return change

    async def _revert(self, change: Change, domain: Domain) -> None:
        """Bring the switch back to a domain's books after a change that it took in part."""
        touched = {grant.prefix for grant in (*change.modify, *change.delete)}
        old = [grant for grant in domain.grants() if grant.prefix in touched]
        try:
            await self.switch.delete([e.encode() for e in grant_entries(change.insert)], strict=False)
            await self.switch.delete([e.encode() for e in grant_entries(old)], strict=False)
            await write(self.switch, Update.INSERT, grant_entries(old))
        except (fy.P4ClientError, WriteError) as error:
            log.error("the rights of domain %d in the switch are not those in the books: %s", domain.number, error)

    async def _write_change(self, change: Change) -> None:
        await write(self.switch, Update.MODIFY, grant_entries(change.modify))
        await write(self.switch, Update.INSERT, grant_entries(change.insert))
        await write(self.switch, Update.DELETE, grant_entries(change.delete))

    async def _reset(self, notice: Notice) -> None:
        """A blade gave up on a region: take all copies back, leave out who does not answer, and open it again."""
        try:
            async with self._lock:
                region = next((r for r in self.regions.by_base.values() if r.slot == notice.slot), None)
                if region is None or notice.entry.state is State.I:
                    return
                self.resets += 1
                log.warning("port %d asks for a reset of region %s (%s)", notice.port, region.prefix, notice.entry)
                await self._reopen([region])
        except FAILURES as error:
            log.error("the reset of directory slot %d failed: %s", notice.slot, error)
        finally:
            self._resetting.discard(notice.slot)

    async def _epochs(self) -> None:
        """Split and join for ever; an epoch is stretched so that it takes at most a tenth of the time."""
        loop = asyncio.get_running_loop()
        took = 0.0
        while True:
            await asyncio.sleep(max(self.epoch, 9 * took))
            began = loop.time()
            try:
                await self.resize()
            except FAILURES as error:
                log.error("an epoch of region splitting failed: %s", error)
            took = loop.time() - began

    async def resize(self, plan: Plan | None = None) -> None:
        """One epoch of bounded splitting, or what a plan says. Raises one of FAILURES."""
        async with self._lock:
            await self._carry_out(plan or await self.planner.next_epoch())

    async def _carry_out(self, plan: Plan) -> None:
        resizer = Resizer(self.switch, self.channel, self.recaller, self.regions)
        totals = self.planner.totals
        for region in plan.split:
            locked = await self._give_up(await self.recaller.recall((region,)))
            await resizer.split(region, locked[region])
            totals.splits += 1
        for lower, upper in plan.join:
            locked = await self._give_up(await self.recaller.recall((lower, upper)))
            await resizer.join(lower, upper, locked)
            totals.joins += 1

    def _blocks(self) -> list[Prefix]:
        return [allocation.block for allocation in self.allocations.values()]

    def _allocation(self, va: int) -> Allocation:
        allocation = self.allocations.get(va)
        if allocation is None:
            raise ControlError(f"no range starts at {va:#x}")
        return allocation

    def _containing(self, va: int) -> Allocation:
        for allocation in self.allocations.values():
            if allocation.block.base <= va < allocation.block.end:
                return allocation
        raise ControlError(f"{va:#x} is in no range that was given out")
