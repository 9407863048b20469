"""Packets per second over the two links: bare redirect and program in turn, and a sweep of loads on BMv2."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rackplane.ebpf.interposition import Interposition
from rackplane.ebpf.redirect import BareRedirect
from rackplane.experiments.switch_speed.bed import PORTS, SINK, SOURCE
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.experiments.switch_speed.report import Load, Passage, Round, Single, typical
from rackplane.experiments.switch_speed.sender import PacketSender
from rackplane.experiments.switch_speed.traffic import Flow, Tally, Traffic
from rackplane.switch.libbpf import program_size

_SETTLE_S = 0.05
_WARM_UP = 20_000
_TICK_S = 0.001
_LEAD_S = 0.3
_SINGLE_ROUNDS = 5
_SINGLE_REPEAT = 300_000


@dataclass(frozen=True)
class Sweep:
    """Loads that are offered, in packets per second, each for so long; the medians of so many sweeps count."""

    rates: tuple[int, ...]
    seconds: float = 0.8
    times: int = 3


@contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """Keep this thread on one CPU; the softirqs of what it sends run there too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def compare(traffic: Traffic, flow: Flow, packets: int, rounds: int) -> list[Round]:
    """Rounds over the bare redirect and through the switch that is on the links. Raises BenchError, EbpfError."""
    unchanged = Flow(flow.frame, flow.frame[:6])
    found = []
    for _ in range(rounds):
        with BareRedirect(PORTS[1], PORTS[2]):
            bare = _pass(traffic, unchanged, packets)
        found.append(Round(bare, _pass(traffic, flow, packets)))
    return found


def _pass(traffic: Traffic, flow: Flow, packets: int) -> Passage:
    traffic.set_flow(flow)
    traffic.send(SOURCE, _WARM_UP)
    before = _settled(traffic)
    start = time.perf_counter()
    traffic.send(SOURCE, packets)
    seconds = time.perf_counter() - start
    arrived = _settled(traffic) - before
    if not arrived:
        raise BenchError("no frame arrived: the switch does not forward what the benchmark sends")
    return Passage(packets, arrived, seconds)


def live_cost(traffic: Traffic, packets: int, rounds: int) -> float:
    """ns per frame from the source through the switch to the sink, whatever the frames are: the least of rounds."""
    found = []
    for _ in range(rounds):
        before = _settled(traffic, Tally.total)
        start = time.perf_counter_ns()
        traffic.send(SOURCE, packets)
        spent = time.perf_counter_ns() - start
        arrived = _settled(traffic, Tally.total) - before
        if arrived != packets:
            raise BenchError(f"of {packets} frames through the switch, {arrived} arrived at {SINK}")
        found.append(spent / packets)
    return min(found)


def _settled(traffic: Traffic, counted: Callable[[Tally], int] = Tally.of_the_flow) -> int:
    """Frames that arrived, once no more are on their way."""
    count = -1
    while (now := counted(traffic.tally())) != count:
        count = now
        time.sleep(_SETTLE_S)
    return count


def sweep(traffic: Traffic, flow: Flow, wanted: Sweep) -> list[Load]:
    """What comes out of the switch on the links at each offered load, once the load has lasted a while."""
    found: dict[int, list[Load]] = {rate: [] for rate in wanted.rates}
    with PacketSender(SOURCE, flow.frame) as sender:
        for _ in range(wanted.times):
            for rate, loads in found.items():
                loads.append(_load(traffic, sender, rate, wanted.seconds))
    return [typical(loads) for loads in found.values()]


def _load(traffic: Traffic, sender: PacketSender, rate: int, seconds: float) -> Load:
    _offer(sender, rate, _LEAD_S)
    before, start = traffic.tally().wanted, time.perf_counter()
    sent = _offer(sender, rate, seconds)
    passed = time.perf_counter() - start
    arrived = traffic.tally().wanted - before
    _settled(traffic)
    return Load(sent / passed, arrived / passed)


def _offer(sender: PacketSender, rate: int, seconds: float) -> int:
    """Send at a rate, about a millisecond's worth at a time; returns how many frames that were."""
    sent, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        due = int(rate * passed) - sent
        sender.send(due)
        sent += due
        time.sleep(_TICK_S)
    return sent


def single(traffic: Traffic, program: str) -> Single:
    """The program that runs on the switch's first port, alone."""
    with Interposition(PORTS[1]) as attached:
        if attached.original is None:
            raise BenchError(f"{PORTS[1]} has no XDP program to measure")
        size = program_size(attached.original)
        overhead = replay(traffic, None, _SINGLE_REPEAT)
        cost = replay(traffic, attached.original, _SINGLE_REPEAT) - overhead
    return Single(program, cost, overhead, size.instructions, size.machine_code_bytes)


def replay(traffic: Traffic, program_fd: int | None, repeat: int, rounds: int = _SINGLE_ROUNDS) -> float:
    """ns of a replayed frame: the least of some rounds, for what disturbs a round can only add to it."""
    return float(min(traffic.nanoseconds(program_fd, PORTS[1], repeat) for _ in range(rounds)))


def check_flow(traffic: Traffic) -> None:
    """Send a few frames through the switch and see that each comes out as it should. Raises BenchError."""
    before = traffic.tally()
    traffic.send(SOURCE, 8)
    deadline = time.monotonic() + 2
    while (now := traffic.tally()).wanted - before.wanted < 8:
        if time.monotonic() > deadline:
            counts = f"{now.wanted - before.wanted} right and {now.other - before.other} other"
            raise BenchError(f"of 8 frames through the switch, {counts} ones arrived at {SINK}")
        time.sleep(_SETTLE_S)
