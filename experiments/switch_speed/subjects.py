"""The programs that are measured: their sources, what is in their tables, and the frame that they forward."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeVar

from finsy.proto import p4i
from google.protobuf import text_format

from rackplane.control.mind.api import Alloc
from rackplane.control.mind.controller import FAILURES, Controller
from rackplane.control.mind.daemon import Settings, StartError, control
from rackplane.control.mind.protection import Rights
from rackplane.control.mind.rack import ComputeBlade, MemoryBlade, Rack
from rackplane.experiments.switch_speed.entries import EntryMaker, Match, batches, exact_matches, prefix_matches
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.experiments.switch_speed.traffic import MIN_FRAME, Flow
from rackplane.switch.stf.client import Client
from rackplane.switch.target import DEFAULT_CPU_PORT, Program
from rackplane.wire.generated.rack_headers import ETHERTYPE_IPV4, Ethernet, Ipv4, Opcode
from rackplane.wire.packet import RACK, Addressing, Endpoint, Request, ipv4_checksum, request_frame

T = TypeVar("T")
P4SRC = Path(__file__).resolve().parents[2] / "p4src"
DEVICE_ID = 1
OTHER_ENTRIES = 1000
"""Entries of the L2 switch and the router besides the one in use."""
_SENDER, _RECEIVER, _ROUTER = 0x0200_0000_0001, 0x0200_0000_0002, 0x0200_0000_00FE
_BATCH = 500
_DOMAIN = 1
_RANGE_BYTES = 16 << 20
_START_S = 60


@dataclass(frozen=True)
class Subject:
    """A program. `programmed` fills the tables of a switch at an address, and keeps them so within its block."""

    name: str
    cpu_port: int | None
    programmed: Callable[[Program, str], AbstractContextManager[Flow]]

    @property
    def source(self) -> Path:
        """Its P4 file."""
        return P4SRC / f"{self.name}.p4"


def read_info(program: Program) -> p4i.P4Info:
    """A program's P4Info."""
    return text_format.Parse(program.p4info.read_text(encoding="utf-8"), p4i.P4Info())


@contextmanager
def connected(program: Program, address: str) -> Iterator[tuple[Client, p4i.P4Info]]:
    """A client of a switch that runs the program."""
    info = read_info(program)
    with Client(address, DEVICE_ID) as client:
        client.set_pipeline(info, program.device_config.read_bytes())
        yield client, info


@contextmanager
def _l2(program: Program, address: str) -> Iterator[Flow]:
    with connected(program, address) as (client, info):
        maker = EntryMaker(info, "hosts", "forward", {"port": 2})
        others = islice(exact_matches(Random(1)), OTHER_ENTRIES)  # noqa: S311
        _fill(client, maker, [Match(_RECEIVER, 0), *others])
        frame = Ethernet(_RECEIVER, _SENDER, ETHERTYPE_IPV4).pack() + _ipv4(IPv4Address("10.0.0.2"))
        yield Flow(frame, _RECEIVER.to_bytes(6, "big"))


@contextmanager
def _router(program: Program, address: str) -> Iterator[Flow]:
    with connected(program, address) as (client, info):
        maker = EntryMaker(info, "routes", "next_hop", {"port": 2, "src": _ROUTER, "dst": _RECEIVER})
        destination = IPv4Address("10.1.2.3")
        ours = Match(int(destination) & ~0xFF, 0xFFFF_FF00)
        others = (match for match in prefix_matches(Random(2)) if match != ours)  # noqa: S311
        _fill(client, maker, [ours, *islice(others, OTHER_ENTRIES)])
        frame = Ethernet(_ROUTER, _SENDER, ETHERTYPE_IPV4).pack() + _ipv4(destination)
        yield Flow(frame, _RECEIVER.to_bytes(6, "big"))


@contextmanager
def _mind(program: Program, address: str) -> Iterator[Flow]:
    """A rack of two blades with a coherent and a direct range; the frame reads 64 bytes of the direct one."""
    own = Endpoint(_SENDER, IPv4Address("10.0.0.1"))
    memory_ip = int(IPv4Address("10.0.1.1"))
    rack = Rack(
        (ComputeBlade("c1", 0, 1, int(own.ip), own.mac),),
        (MemoryBlade("m1", 0, 2, memory_ip, _RECEIVER, 1 << 30),),
    )
    settings = Settings(address, program.p4info, program.device_config, DEVICE_ID)
    with _in_background(control(settings, rack)) as (controller, call):
        try:
            call(controller.handle(Alloc(_RANGE_BYTES, _DOMAIN, Rights.READ_WRITE, True, 0)))
            direct = call(controller.handle(Alloc(_RANGE_BYTES, _DOMAIN, Rights.READ_WRITE, False, 0)))
        except FAILURES as error:
            raise BenchError(f"MIND's control plane: {error}") from error
        if not isinstance(direct, dict):
            raise BenchError(f"MIND's control plane gave no range but {direct!r}")
        request = Request(Opcode.RDMA_READ_REQUEST, int(direct["va"]), MIN_FRAME)
        frame = request_frame(Addressing(own, RACK, 1, _DOMAIN), 0, request)
        yield Flow(frame, _RECEIVER.to_bytes(6, "big"))


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("l2", None, _l2),
        Subject("router", None, _router),
        Subject("mind", DEFAULT_CPU_PORT, _mind),
    )
}


def _fill(client: Client, maker: EntryMaker, matches: list[Match]) -> None:
    for batch in batches(matches, _BATCH):
        client.write(maker.update(match) for match in batch)


def _ipv4(destination: IPv4Address) -> bytes:
    """A packet that makes a frame of MIN_FRAME bytes."""
    size = MIN_FRAME - Ethernet.SIZE
    fields = {"version": 4, "ihl": 5, "total_len": size, "ttl": 64, "protocol": 253}
    addresses = {"src_addr": int(IPv4Address("10.0.0.1")), "dst_addr": int(destination)}
    checksum = ipv4_checksum(Ipv4(**fields, **addresses).pack())
    return Ipv4(**fields, **addresses, hdr_checksum=checksum).pack().ljust(size, b"\0")


@contextmanager
def _in_background(
    context: AbstractAsyncContextManager[Controller],
) -> Iterator[tuple[Controller, Callable[[Coroutine[object, object, T]], T]]]:
    """The controller on an event loop in a thread of its own, and a function that runs a coroutine there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="controller", daemon=True)
    thread.start()

    def call(body: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(body, loop).result(_START_S)

    try:
        controller = call(context.__aenter__())
        try:
            yield controller, call
        finally:
            call(context.__aexit__(None, None, None))
    except StartError as error:
        raise BenchError(f"MIND's control plane: {error}") from error
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_S)
        loop.close()
