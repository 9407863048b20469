"""A memory blade and a bad network, in simulated time: what docs/wire.md says, and nothing else."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from random import Random

from rackplane.wire.generated.rack_headers import Opcode, Syndrome
from rackplane.wire.packet import PSN_MODULUS, Answer, Request
from rackplane.wire.requester import WINDOW, Completion, Requester

BUSY = Answer(0, 0, Opcode.ACKNOWLEDGE, Syndrome.RNR_NAK)
WORD = 1 << 64


@dataclass
class Memory:
    """Executes a WRITE or an atomic at most once per PSN: it remembers the last 256 of each queue pair."""

    size: int
    random: Random
    busy: float = 0.0
    bytes: bytearray = field(init=False)
    newest: dict[int, int] = field(default_factory=dict)
    results: dict[tuple[int, int], Answer] = field(default_factory=dict)
    executed: int = 0

    def __post_init__(self) -> None:
        self.bytes = bytearray(self.size)

    def serve(self, queue_pair: int, psn: int, request: Request) -> Answer | None:
        if self.random.random() < self.busy:
            return self._answer(queue_pair, psn, BUSY)
        if request.va + request.length > self.size:
            return Answer(queue_pair, psn, Opcode.ACKNOWLEDGE, Syndrome.NAK_REMOTE_ACCESS)
        if request.opcode == Opcode.RDMA_READ_REQUEST:
            data = bytes(self.bytes[request.va : request.va + request.length])
            return Answer(queue_pair, psn, Opcode.RDMA_READ_RESPONSE_ONLY, 0, data=data)
        if (queue_pair, psn) in self.results:
            return self.results[queue_pair, psn]
        newest = self.newest.setdefault(queue_pair, psn)
        behind = (newest - psn) % PSN_MODULUS
        if WINDOW <= behind < PSN_MODULUS // 2:
            return None
        if behind:
            newest = newest if behind < WINDOW else psn
        self.newest[queue_pair] = newest
        self.results.pop((queue_pair, (psn - WINDOW) % PSN_MODULUS), None)
        self.results[queue_pair, psn] = self._execute(queue_pair, psn, request)
        self.executed += 1
        return self.results[queue_pair, psn]

    def _answer(self, queue_pair: int, psn: int, like: Answer) -> Answer:
        return Answer(queue_pair, psn, like.opcode, like.syndrome)

    def _execute(self, queue_pair: int, psn: int, request: Request) -> Answer:
        place = slice(request.va, request.va + request.length)
        if request.opcode == Opcode.RDMA_WRITE_ONLY:
            self.bytes[place] = request.data
            return Answer(queue_pair, psn, Opcode.ACKNOWLEDGE, 0)
        original = int.from_bytes(self.bytes[place], "little")
        value = (original + request.operand) % WORD
        if request.opcode == Opcode.COMPARE_SWAP:
            value = request.operand if original == request.compare else original
        self.bytes[place] = value.to_bytes(8, "little")
        return Answer(queue_pair, psn, Opcode.ATOMIC_ACKNOWLEDGE, 0, original=original)


@dataclass(frozen=True)
class Weather:
    """Probabilities of a packet's fate, and the seconds that it takes at most."""

    lost: float = 0.0
    doubled: float = 0.0
    slowest: float = 0.01


class Network:
    """Requesters, by queue pair, and one memory, with packets between them that are lost, doubled and overtaken."""

    def __init__(self, memory: Memory, requesters: dict[int, Requester], weather: Weather, random: Random) -> None:
        self.memory = memory
        self.requesters = requesters
        self.now = 0.0
        self._weather = weather
        self._random = random
        self._order = itertools.count()
        self._flying: list[tuple[float, int, int, int, Request | Answer]] = []

    def run(self) -> dict[int, list[Completion]]:
        """Until every operation has ended: the completions of each queue pair, in order."""
        ended: dict[int, list[Completion]] = {number: [] for number in self.requesters}
        while True:
            for number, requester in self.requesters.items():
                for transmission in requester.poll(self.now):
                    self._send(number, transmission.psn, transmission.request)
                while (completion := requester.completed()) is not None:
                    ended[number].append(completion)
            if all(requester.idle() for requester in self.requesters.values()):
                return ended
            self._advance()

    def _send(self, queue_pair: int, psn: int, packet: Request | Answer) -> None:
        if self._random.random() < self._weather.lost:
            return
        for _ in range(2 if self._random.random() < self._weather.doubled else 1):
            arrival = self.now + self._random.uniform(0, self._weather.slowest)
            heapq.heappush(self._flying, (arrival, next(self._order), queue_pair, psn, packet))

    def _advance(self) -> None:
        """To the next arrival or deadline."""
        deadlines = [d for r in self.requesters.values() if (d := r.deadline()) is not None]
        if not self._flying or (deadlines and min(deadlines) < self._flying[0][0]):
            self.now = max(self.now, min(deadlines))
            return
        self.now, _, queue_pair, psn, packet = heapq.heappop(self._flying)
        if isinstance(packet, Answer):
            self.requesters[queue_pair].receive(packet, self.now)
            return
        answer = self.memory.serve(queue_pair, psn, packet)
        if answer is not None:
            self._send(queue_pair, psn, answer)
