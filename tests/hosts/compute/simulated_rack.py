"""A whole rack in one process and in simulated time: the C protocol core of each blade, the switch model, a network
that delays, reorders, loses and duplicates. Every load is compared with the last store, and every step checks
that a page that one blade may write is on no other blade."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from protocol_core import NEVER, Action, ActionKind, Core, Times
from rack_model import MEMORY, Delivery, MemoryModel, Region, SwitchModel
from rack_packets import PAGE, SEGMENT, Opcode, Packet

BASE = 1 << 40
RECALL_AGAIN = 20_000_000


@dataclass(frozen=True)
class Weather:
    """What the network does to each packet on each hop. Delays in nanoseconds."""

    least_delay: int = 1_000
    most_delay: int = 10_000
    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0
    """The share of packets that come `straggler_delay` late."""
    straggler_delay: int = 5_000_000


@dataclass
class Shown:
    """A page as the blade's process sees it."""

    data: bytearray
    writable: bool
    hidden: bool = False


@dataclass
class Thread:
    """One load or store after the other; blocked while a fault is open."""

    blade: int
    number: int
    choose: Callable[[], tuple[int, bool]]
    left: int
    access: tuple[int, bool] | None = None
    waits: bool = False


@dataclass
class BladeState:
    core: Core
    pages: dict[int, Shown] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)
    timer: int = NEVER


class CoherenceViolation(AssertionError):
    """What a rack must never do."""


class SimulatedRack:
    """`pages` coherent pages from BASE in regions of 2**region_log2; one access thread or more per blade."""

    def __init__(
        self,
        blades: int,
        *,
        pages: int = 8,
        region_log2: int = 12,
        capacity: int = 64,
        weather: Weather | None = None,
        seed: int = 1,
        times: Times | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.weather = weather or Weather()
        self.now = 1_000_000
        self.order = itertools.count()
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.memory = MemoryModel()
        size = 1 << region_log2
        count = max(1, pages * PAGE // size)
        self.switch = SwitchModel([Region(BASE + i * size, region_log2) for i in range(count)])
        self.latest: dict[int, int] = {}
        self.blades: list[BladeState] = []
        self.threads: list[Thread] = []
        self.stamp = itertools.count(1)
        self.faults_taken = 0
        self.log: list[str] = []
        for i in range(blades):
            core = Core(
                lambda action, i=i: self._perform(i, action),  # type: ignore[misc]
                first_qp=1 + 64 * i,
                first_psn=self.random.randrange(2**24),
                capacity=capacity,
                seed=seed * 31 + i,
                times=times,
            )
            assert core.map(BASE, pages * PAGE)
            self.blades.append(BladeState(core))

    # time

    def at(self, delay: int, what: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + delay, next(self.order), what))

    def run(self, limit_ns: int = 60_000_000_000) -> None:
        """Until nothing is left to do; a rack that is not done within the limit is stuck."""
        deadline = self.now + limit_ns
        while self.events and self._unfinished():
            self.now, _, what = heapq.heappop(self.events)
            if self.now > deadline:
                stuck = [t for t in self.threads if t.left]
                raise CoherenceViolation(f"no progress: {stuck}, {[vars(r) for r in self.switch.regions]}")
            what()

    def _unfinished(self) -> bool:
        return any(thread.left for thread in self.threads)

    def settle(self, duration_ns: int) -> None:
        """Lets time pass without accesses."""
        deadline = self.now + duration_ns
        while self.events and self.events[0][0] <= deadline:
            self.now, _, what = heapq.heappop(self.events)
            what()
        self.now = deadline

    # the network

    def _carry(self, what: Callable[[], None]) -> None:
        weather = self.weather
        if self.random.random() < weather.loss:
            return
        for _ in range(1 + (self.random.random() < weather.duplication)):
            delay = self.random.randint(weather.least_delay, weather.most_delay)
            if self.random.random() < weather.straggling:
                delay += weather.straggler_delay
            self.at(delay, what)

    def _deliver(self, delivery: Delivery) -> None:
        node, packet = delivery
        if node == MEMORY:
            self._carry(lambda: self._at_memory(packet))
        else:
            self._carry(lambda: self._at_blade(int(node), packet))

    def _at_memory(self, packet: Packet) -> None:
        answer = self.memory.handle(packet)
        if answer is not None:
            self._carry(lambda: [self._deliver(d) for d in self.switch.from_memory(answer)] and None)

    def _at_switch(self, blade: int, packet: Packet) -> None:
        for delivery in self.switch.from_blade(blade, packet):
            self._deliver(delivery)
        if packet.opcode == Opcode.RESET:
            self.at(RECALL_AGAIN, self._recall)

    def _recall(self) -> None:
        """The control plane's patience."""
        recalled = [region for region in self.switch.regions if region.state in {"SL_A", "ML_A"}]
        for region in recalled:
            for delivery in self.switch.recall(region):
                self._deliver(delivery)
        if recalled:
            self.at(RECALL_AGAIN, self._recall)

    def _at_blade(self, blade: int, packet: Packet) -> None:
        self.blades[blade].core.receive(packet, self.now)
        self._arm(blade)
        self.check()

    def _arm(self, blade: int) -> None:
        state = self.blades[blade]
        wake_at = state.core.wake_at()
        if wake_at == NEVER or wake_at >= state.timer > self.now:
            return
        state.timer = max(wake_at, self.now + 1)
        self.at(state.timer - self.now, lambda: self._tick(blade))

    def _tick(self, blade: int) -> None:
        if self.blades[blade].timer != self.now:
            return  # an earlier one has taken its place
        self.blades[blade].timer = NEVER
        self.blades[blade].core.tick(self.now)
        self._arm(blade)
        self.check()

    # the blades

    def _perform(self, blade: int, action: Action) -> None:
        pages = self.blades[blade].pages
        if action.kind == ActionKind.SEND:
            assert action.packet is not None
            packet = self._with_payload(blade, action.packet, action.payload_length)
            self._carry(lambda: self._at_switch(blade, packet))
        elif action.kind == ActionKind.INSTALL:
            if action.va in pages:
                raise CoherenceViolation(f"blade {blade} installs 0x{action.va:x} over a page")
            pages[action.va] = Shown(bytearray(action.data), action.writable)
            self._wake(blade)
        elif action.kind == ActionKind.HIDE:
            pages[action.va].hidden = True
        elif action.kind == ActionKind.REMAP:
            pages[action.va].hidden, pages[action.va].writable = False, action.writable
            self._wake(blade)
        elif action.kind == ActionKind.DROP:
            pages.pop(action.va, None)
        elif action.kind == ActionKind.FAIL:
            self.blades[blade].failed[action.va] = action.reason
            self._wake(blade)
        elif action.kind in {ActionKind.PROTECT, ActionKind.UNPROTECT}:
            pages[action.va].writable = action.kind == ActionKind.UNPROTECT
            self._wake(blade)
        else:
            self._wake(blade)

    def _with_payload(self, blade: int, packet: Packet, length: int) -> Packet:
        if packet.opcode not in {Opcode.RDMA_WRITE_ONLY, Opcode.PUSH}:
            return packet
        page = self.blades[blade].pages[packet.va & -PAGE]
        at = packet.va % PAGE
        assert length == SEGMENT
        return packet.but(payload=bytes(page.data[at : at + length]))

    def _wake(self, blade: int) -> None:
        for thread in self.threads:
            if thread.blade == blade and thread.waits:
                thread.waits = False
                self.at(self.random.randint(1_000, 30_000), lambda thread=thread: self._step(thread))  # type: ignore[misc]

    # the accesses

    def start(self, blade: int, choose: Callable[[], tuple[int, bool]], count: int) -> None:
        """A thread of the blade that makes `count` accesses; choose() gives (va, is it a store)."""
        thread = Thread(blade, len(self.threads), choose, count)
        self.threads.append(thread)
        self.at(self.random.randint(0, 20_000), lambda: self._step(thread))

    def _step(self, thread: Thread) -> None:
        state = self.blades[thread.blade]
        thread.access = thread.access or thread.choose()
        va, store = thread.access
        page = state.pages.get(va & -PAGE)
        if (va & -PAGE) in state.failed:
            thread.left = 0
        elif page is None or page.hidden or (store and not page.writable):
            thread.waits = True
            self.faults_taken += 1
            fault = state.core.local_fault if page is not None and page.hidden else state.core.fault
            fault(va & -PAGE, write=store, now=self.now)
            self._arm(thread.blade)
        else:
            self._access(thread, page, va, store=store)
        self.check()

    def _access(self, thread: Thread, page: Shown, va: int, *, store: bool) -> None:
        at = va % PAGE
        if store:
            self.latest[va] = next(self.stamp)
            page.data[at : at + 8] = self.latest[va].to_bytes(8, "little")
        else:
            seen = int.from_bytes(page.data[at : at + 8], "little")
            if seen != self.latest.get(va, 0):
                wanted = self.latest.get(va, 0)
                raise CoherenceViolation(
                    f"blade {thread.blade} sees {seen} at 0x{va:x}, the last store is {wanted}"
                )
        thread.access = None
        thread.left -= 1
        if thread.left:
            self.at(self.random.randint(100, 40_000), lambda: self._step(thread))

    def check(self) -> None:
        """One writer or many readers."""
        writers: dict[int, int] = {}
        for number, state in enumerate(self.blades):
            for va, page in state.pages.items():
                if page.writable and va in writers:
                    raise CoherenceViolation(f"blades {writers[va]} and {number} both write 0x{va:x}")
                if page.writable:
                    writers[va] = number
        for number, state in enumerate(self.blades):
            for va in state.pages:
                if writers.get(va, number) != number:
                    raise CoherenceViolation(f"blade {writers[va]} writes 0x{va:x}, blade {number} holds it")

    def close(self) -> None:
        for state in self.blades:
            state.core.close()
