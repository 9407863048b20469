"""Two cores at once: a directory entry is moved by one packet at a time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter

from mind_bench import DOMAIN, HOSTS, MEMORY_HOSTS, Bench
from mind_packets import Op, Reth, Verb, frame, parse

from rackplane.control.mind.api import Alloc, Free
from rackplane.control.mind.channel import DirectoryChannel
from rackplane.control.mind.directory import Entry, State
from rackplane.control.mind.protection import Rights
from rackplane.control.mind.regions import Region

REGIONS = 16
"""Per burst: BMv2's ports hold no more than some thirty frames."""
ROUNDS = 100


def burst(bench: Bench, blade: int, regions: list[Region], start: threading.Barrier) -> None:
    """Ask for every region for writing, from one port, on a core of its own."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(threading.get_native_id(), {cores[blade % len(cores)]})
    frames = [
        frame(Verb(Op.GET_MODIFIED, 5, number, reth=Reth(region.prefix.base, DOMAIN, 1024)), HOSTS[blade + 1])
        for number, region in enumerate(regions)
    ]
    start.wait()
    for data in frames:
        bench.cables.send(blade + 1, data)


def race(bench: Bench, regions: list[Region]) -> dict[int, list[bytes]]:
    start = threading.Barrier(2)
    threads = [threading.Thread(target=burst, args=(bench, blade, regions, start)) for blade in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    received = bench.cables.collect(1)
    for port, frames in bench.cables.collect(2).items():
        received.setdefault(port, []).extend(frames)
    return received


async def idle(channel: DirectoryChannel, region: Region) -> None:
    entry = await channel.read(region.slot)
    assert await channel.compare_and_swap(region.slot, entry.pack(), Entry().pack()) == entry.pack()


def reset(bench: Bench, regions: list[Region]) -> None:
    async def all_idle() -> None:
        await asyncio.gather(*(idle(bench.controller.channel, region) for region in regions))

    bench.loop.run(all_idle())


def test_one_blade_wins_every_region(bench: Bench) -> None:
    made = bench.request(Alloc(REGIONS << 12, DOMAIN, Rights.READ_WRITE, True, 1 << 12))
    assert isinstance(made, dict)
    regions = list(bench.controller.regions.overlapping(made["va"], made["va"] + made["size"]))
    winners: Counter[int] = Counter()
    for _ in range(ROUNDS):
        reset(bench, regions)
        received = race(bench, regions)
        entries = bench.loop.run(bench.controller.channel.read_many([region.slot for region in regions]))
        assert {entry.state for entry in entries} == {State.MM_D}
        assert {entry.version for entry in entries} == {2}
        for entry in entries:
            (winner,) = entry.holders()
            assert {winner, entry.requester} == {0, 1}
            winners[winner] += 1
        memory = MEMORY_HOSTS[(made["va"] >> 40) - 1].port
        assert {port: len(frames) for port, frames in received.items() if port > 4} == {memory: REGIONS}
        asked = [parse(data, HOSTS[port]) for port in (1, 2) for data in received.get(port, [])]
        assert Counter(verb.op for verb in asked) == {Op.INVALIDATE: REGIONS}
    assert sum(winners.values()) == REGIONS * ROUNDS
    reset(bench, regions)
    bench.controller.notice, ours = type(bench.controller).notice.__get__(bench.controller), bench.controller.notice
    bench.request(Free(made["va"], False))
    bench.controller.notice = ours
