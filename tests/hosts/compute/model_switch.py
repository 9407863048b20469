"""A rack without a switch: a process that answers compute blades on veth links as docs/coherence.md says.

Usage: model_switch.py CONFIG-JSON. It prints "ready" and ends when its standard input does, with its counts as
JSON. Loss, duplication and delay (and so reordering) are injected on each hop, memory blade included."""

from __future__ import annotations

import heapq
import itertools
import json
import random
import select
import socket
import sys
import time
from dataclasses import dataclass, field

from rack_model import MEMORY, Delivery, MemoryModel, Region, SwitchModel
from rack_packets import RACK_IP, RACK_MAC, Ends, Packet, decode, encode


@dataclass(frozen=True)
class ModelConfig:
    """`links`: interface of the switch's side, MAC and IPv4 of each blade, in the order of blade ids."""

    links: list[tuple[str, int, int]]
    coherent: list[tuple[int, int, int]]
    """Ranges (va, length, region_log2)."""
    direct: list[tuple[int, int]] = field(default_factory=list)
    refused_domains: list[int] = field(default_factory=list)
    loss: float = 0.0
    duplication: float = 0.0
    delay_us: float = 0.0
    silent_after: float = 0.0
    """Seconds after which nothing is answered any more; 0: never."""
    seed: int = 1


def regions_of(coherent: list[tuple[int, int, int]]) -> list[Region]:
    return [Region(va, log2) for start, length, log2 in coherent for va in range(start, start + length, 1 << log2)]


class ModelSwitch:
    """The event loop: frames in, model, a queue of frames that are on their way."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.random = random.Random(config.seed)
        self.memory = MemoryModel()
        direct = [range(va, va + length) for va, length in config.direct]
        self.switch = SwitchModel(
            regions_of(config.coherent), direct, refused_domains=frozenset(config.refused_domains)
        )
        self.sockets = [self._open(interface) for interface, _, _ in config.links]
        self.on_the_way: list[tuple[float, int, int | str, Packet, bool]] = []
        self.order = itertools.count()
        self.started = time.monotonic()
        self.counts = {"frames": 0, "lost": 0, "duplicated": 0}

    @staticmethod
    def _open(interface: str) -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        opened.bind((interface, 0x0800))
        opened.setblocking(False)
        return opened

    def run(self) -> None:
        watched = [*self.sockets, sys.stdin]
        while True:
            wait = max(0.0, self.on_the_way[0][0] - time.monotonic()) if self.on_the_way else 1.0
            ready, _, _ = select.select(watched, [], [], wait)
            if sys.stdin in ready:
                return
            for blade, source in enumerate(self.sockets):
                if source in ready:
                    self._drain(blade, source)
            self._deliver()

    def _drain(self, blade: int, source: socket.socket) -> None:
        for _ in range(32):
            try:
                frame, address = source.recvfrom(2048)
            except BlockingIOError:
                return
            if address[2] == socket.PACKET_OUTGOING:
                continue
            packet = decode(frame)
            if packet is not None:
                self.counts["frames"] += 1
                self._send((blade, packet), inbound=True)

    def _send(self, delivery: Delivery, *, inbound: bool = False) -> None:
        """One hop. `inbound`: from that blade to the switch."""
        if self.random.random() < self.config.loss:
            self.counts["lost"] += 1
            return
        copies = 1 + (self.random.random() < self.config.duplication)
        self.counts["duplicated"] += copies - 1
        for _ in range(copies):
            due = time.monotonic() + self.random.random() * self.config.delay_us / 1e6
            heapq.heappush(self.on_the_way, (due, next(self.order), *delivery, inbound))

    def _deliver(self) -> None:
        while self.on_the_way and self.on_the_way[0][0] <= time.monotonic():
            _, _, node, packet, inbound = heapq.heappop(self.on_the_way)
            if self.config.silent_after and time.monotonic() - self.started > self.config.silent_after:
                continue
            if inbound:
                for delivery in self.switch.from_blade(int(node), packet):
                    self._send(delivery)
            elif node == MEMORY:
                answer = self.memory.handle(packet)
                for delivery in [] if answer is None else self.switch.from_memory(answer):
                    self._send(delivery)
            else:
                self._transmit(int(node), packet)

    def _transmit(self, blade: int, packet: Packet) -> None:
        _, mac, address = self.config.links[blade]
        try:
            self.sockets[blade].send(encode(packet, Ends(RACK_MAC, mac, RACK_IP, address)))
        except OSError:
            self.counts["lost"] += 1

    def report(self) -> dict[str, object]:
        return self.counts | {"dropped": self.switch.dropped, "transitions": self.switch.transitions}


def main() -> None:
    model = ModelSwitch(ModelConfig(**json.loads(sys.argv[1])))
    print("ready", flush=True)
    model.run()
    print(json.dumps(model.report()), flush=True)


if __name__ == "__main__":
    main()
