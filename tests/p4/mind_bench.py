"""A switch that runs mind.p4, with four compute and two memory blades whose part the tests play."""

from __future__ import annotations

import ipaddress
from concurrent.futures import Future
from dataclasses import dataclass, field

import mind_model as model
from finsy import P4PacketOut
from mind_packets import Host, Verb, frame, parse
from mind_target import Cables, Loop

from rackplane.control.mind.api import Alloc, Request
from rackplane.control.mind.channel import Notice
from rackplane.control.mind.controller import Controller
from rackplane.control.mind.directory import Entry, State
from rackplane.control.mind.protection import Rights
from rackplane.control.mind.rack import ComputeBlade, MemoryBlade, Rack
from rackplane.control.mind.stats import read_reasons

COMPUTE = 4
MEMORY = 2
CAPACITY = 64 << 20
DOMAIN = 7
READER = 8
"""A domain that may only read."""
REGION_LOG2 = 14


def _host(port: int, ip: str, tail: int) -> Host:
    return Host(port, ip, f"02:00:00:00:{tail >> 8:02x}:{tail & 0xFF:02x}")


COMPUTE_HOSTS = tuple(_host(i, f"10.0.0.{i}", i) for i in range(1, COMPUTE + 1))
MEMORY_HOSTS = tuple(_host(COMPUTE + j, f"10.0.1.{j}", 0x100 + j) for j in range(1, MEMORY + 1))
HOSTS = {host.port: host for host in (*COMPUTE_HOSTS, *MEMORY_HOSTS)}
STRANGER = COMPUTE + MEMORY + 1
"""A port that is no blade's."""
PACKET_OUT = ("operation", "port", "slot", "va", "expected", "desired")
MACS = {port: host.mac for port, host in HOSTS.items()}


def _numbers(host: Host) -> tuple[int, int, int]:
    return host.port, int(ipaddress.IPv4Address(host.ip)), int(host.mac.replace(":", ""), 16)


RACK = Rack(
    compute=tuple(ComputeBlade(f"c{i + 1}", i, *_numbers(host)) for i, host in enumerate(COMPUTE_HOSTS)),
    memory=tuple(MemoryBlade(f"m{j + 1}", j, *_numbers(host), CAPACITY) for j, host in enumerate(MEMORY_HOSTS)),
)


@dataclass
class Bench:
    """Two coherent regions in a row on m1 (a reader's right over the first), and a direct range on m2."""

    cables: Cables
    controller: Controller
    loop: Loop
    notices: list[Notice] = field(default_factory=list)
    """Packet-ins that are no answers: here nobody acts on them."""
    region: model.Region = field(init=False)
    second: model.Region = field(init=False)
    slot: int = field(init=False)
    direct: int = field(init=False)
    direct_offset: int = field(init=False)

    def __post_init__(self) -> None:
        """Allocate the ranges."""
        self.controller.notice = self.notices.append
        coherent = self.request(Alloc(2 << REGION_LOG2, DOMAIN, Rights.READ_WRITE, True, 1 << REGION_LOG2))
        direct = self.request(Alloc(1 << 16, DOMAIN, Rights.READ_WRITE, False, 0))
        assert isinstance(coherent, dict)
        assert isinstance(direct, dict)
        base = int(coherent["va"])
        self.region = self._region(base)
        self.second = self._region(base + (1 << REGION_LOG2))
        self.slot = self.controller.regions.by_base[base].slot
        self.direct = int(direct["va"])
        self.direct_offset = self.direct - (2 << 40)
        self.loop.run(self.controller._apply(READER, base, base + (1 << REGION_LOG2), Rights.READ))

    def _region(self, base: int) -> model.Region:
        ports = tuple(host.port for host in COMPUTE_HOSTS)
        return model.Region(base, REGION_LOG2, base - (1 << 40), MEMORY_HOSTS[0].port, ports)

    def request(self, request: Request) -> object:
        return self.loop.run(self.controller.handle(request))

    def start(self, request: Request) -> Future[object]:
        """Begin a request that needs the blades' part."""
        return self.loop.submit(self.controller.handle(request))

    def set_entry(self, entry: model.Directory) -> None:
        desired = _pack(entry)
        old = self.loop.run(self.controller.channel.compare_and_swap(self.slot, 0, 0))
        assert self.loop.run(self.controller.channel.compare_and_swap(self.slot, old, desired)) == old

    def entry(self) -> model.Directory:
        entry = self.loop.run(self.controller.channel.read(self.slot))
        return model.Directory(
            entry.state.name, frozenset(entry.holders()), entry.requester, entry.page, entry.version
        )

    def send(self, port: int, verb: Verb) -> list[model.Output]:
        """Send a verb from the host on `port`; return what came out, sorted by port."""
        return self.send_frame(port, frame(verb, HOSTS[port]))

    def send_frame(self, port: int, data: bytes) -> list[model.Output]:
        return _outputs(self.cables.exchange(port, data))

    def recall(self) -> list[model.Output]:
        self.loop.run(self.controller.channel.recall(self.region.base))
        self.loop.run(self.controller.channel.read(self.slot))
        return _outputs(self.cables.collect(1))

    def outputs(self) -> list[model.Output]:
        """What came out since the last look."""
        return _outputs(self.cables.collect(1))

    def packet_out(self, payload: bytes, **fields: int) -> None:
        """Send a packet-out; fields that are not given are 0. Returns when the switch has seen it."""
        packet = P4PacketOut(payload, **{name: fields.get(name, 0) for name in PACKET_OUT})
        self.loop.run(self.controller.switch.write([packet]))
        self.loop.run(self.controller.channel.read(self.slot))

    def raw(self, port: int, data: bytes) -> dict[int, list[bytes]]:
        """Send a frame; return the frames that came out."""
        return self.cables.exchange(port, data)

    def reasons(self) -> dict[str, int]:
        return self.loop.run(read_reasons(self.controller.switch))


def _outputs(received: dict[int, list[bytes]]) -> list[model.Output]:
    return [model.Output(port, parse(data, HOSTS[port])) for port in sorted(received) for data in received[port]]


def _pack(entry: model.Directory) -> int:
    sharers = sum(1 << blade for blade in entry.holders)
    return Entry(State[entry.state], sharers, entry.requester, entry.page, entry.version).pack()
