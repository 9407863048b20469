"""Fuzzing one program: packets through the kernel's test runs, every sixteenth as a live frame, egress included.

Every verdict and frame is held against the program's rules; at the end, the drops must have been counted, the
tables hold what they held, what was forwarded before be forwarded alike, and the registers be sane.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from finsy.proto import p4r

from rackplane.compiler.frontend import load
from rackplane.control.mind.directory import Entry
from rackplane.experiments.packet_fuzz.packets import PacketMaker
from rackplane.experiments.packet_fuzz.rules import Bounded, Rule, emitted_bytes, routed, unchanged
from rackplane.experiments.switch_speed import bed
from rackplane.experiments.switch_speed.subjects import DEVICE_ID, Subject
from rackplane.experiments.switch_speed.traffic import Flow
from rackplane.switch import deviceconfig, libbpf, netns
from rackplane.switch.device import Device
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.server import ServerOptions, serve
from rackplane.switch.xdp import XdpTarget

_LIVE_SHARE = 16
_WITNESSES = 300
_START_S = 30
_VA = 14 + 20 + 8 + 12
"""Where the address of a request is: behind Ethernet, IPv4, UDP and BTH."""
_DIRECTORY = ".directory.slots"
_FLOOD_GROUP = 1
_VERDICTS = ("aborted", "drop", "pass", "tx", "redirect")
_REDIRECT = _VERDICTS.index("redirect")
_STATELESS: dict[str, Rule] = {"l2": unchanged, "router": routed}


class FuzzError(Exception):
    """A packet, or what was found after it, that breaks a rule. The text has the packet as hex digits."""


@dataclass(frozen=True)
class Outcome:
    """How it went: packets by verdict of the test runs, live frames, lengths of frames in, and seconds."""

    program: str
    packets: int
    verdicts: dict[str, int]
    live: int
    shortest: int
    longest: int
    drops: dict[str, int]
    seconds: float


def fuzz(subject: Subject, packets: int, seed: int, progress: Callable[[int], None] = lambda _: None) -> Outcome:
    """Send made-up packets. The calling thread stays in a new network namespace: its process should end afterwards.

    Raises FuzzError, and what starting a switch raises.
    """
    netns.enter_new()
    with tempfile.TemporaryDirectory(prefix="rackplane-fuzz-") as name, bed.cables():
        program = XdpTarget().compile(subject.source, Path(name))
        with _device(subject.cpu_port) as (device, address), subject.programmed(program, address) as flow:
            return _Fuzz(subject, device, flow, seed).run(packets, progress)


class _Fuzz:
    def __init__(self, subject: Subject, device: Device, flow: Flow, seed: int) -> None:
        if device.pipeline is None:
            raise FuzzError(f"{subject.name}: the switch runs no program")
        self._subject = subject
        self._pipeline: Pipeline = device.pipeline
        if subject.name == "l2":
            self._pipeline.groups.insert(_flood_group())
        self._flow = flow
        self._ports = [port.ifindex for port in device.ports.values()]
        parsed = load(subject.source)
        self._rule = _STATELESS.get(subject.name) or Bounded(emitted_bytes(parsed))
        self._chance = Random(seed)  # noqa: S311
        self._maker = PacketMaker(parsed, _seeds(subject, flow), self._chance)

    def run(self, packets: int, progress: Callable[[int], None]) -> Outcome:
        witnesses = [self._maker.make() for _ in range(_WITNESSES)] if self._subject.name in _STATELESS else []
        witnesses.append(self._flow.frame)
        tables, answers = self._tables(), [self._answer(frame) for frame in witnesses]
        before = self._pipeline.drop_counts()
        started = time.monotonic()
        verdicts, live, lengths = self._storm(packets, progress)
        seconds = time.monotonic() - started
        drops = {why: n - before[why] for why, n in self._pipeline.drop_counts().items() if n - before[why]}
        if sum(drops.values()) < verdicts["drop"]:
            raise FuzzError(f"{verdicts['drop']} packets were dropped, and {sum(drops.values())} counted: {drops}")
        if self._tables() != tables:
            raise FuzzError("the tables hold something else than before")
        for frame, answer in zip(witnesses, answers, strict=True):
            if (now := self._answer(frame)) != answer:
                raise FuzzError(f"{frame.hex()} gave {answer} before, and {now} afterwards")
        self._check_registers()
        return Outcome(
            self._subject.name, packets, dict(verdicts), live, min(lengths), max(lengths), drops, seconds
        )

    def _storm(self, packets: int, progress: Callable[[int], None]) -> tuple[Counter[str], int, set[int]]:
        verdicts: Counter[str] = Counter()
        lengths, live, program = set(), 0, self._pipeline.loaded.ingress_fd
        for number in range(packets):
            frame, port = self._maker.make(), self._chance.choice(self._ports)
            lengths.add(len(frame))
            if number % _LIVE_SHARE == 0:
                libbpf.send_live(program, frame, port, 1)
                live += 1
                continue
            verdict, after, _ = libbpf.test_run(program, frame, 1, port)
            verdicts[_VERDICTS[verdict]] += 1
            if verdict != _REDIRECT and _VERDICTS[verdict] != "drop":
                raise FuzzError(f"{frame.hex()}: the verdict is {_VERDICTS[verdict]}")
            if verdict == _REDIRECT and (problem := self._rule(frame, after)):
                raise FuzzError(f"{frame.hex()} became {after.hex()}: {problem}")
            if number % 10_000 == 0:
                progress(number)
        return verdicts, live, lengths

    def _answer(self, frame: bytes) -> tuple[int, bytes]:
        verdict, after, _ = libbpf.test_run(self._pipeline.loaded.ingress_fd, frame, 1, self._ports[0])
        # The metadata in front of a frame that is to be copied says where its headers wait, and differs.
        return verdict, after[-len(frame) :] if verdict == _REDIRECT else b""

    def _tables(self) -> dict[str, list[bytes]]:
        return {t.name: sorted(e.wire for e in t.entries.values()) for t in self._pipeline.tables.values()}

    def _check_registers(self) -> None:
        """Whatever packets have made of MIND's directory must be states; other registers may hold any number."""
        directories = [r for r in self._pipeline.registers.values() if r.layout.name.endswith(_DIRECTORY)]
        if self._subject.name == "mind" and not directories:
            raise FuzzError(f"mind.p4 has no register {_DIRECTORY} any more: say here what its directory is")
        for register in directories:
            for value in {register.get(index) for index in range(register.layout.size)}:
                _check_directory(value)


def _seeds(subject: Subject, flow: Flow) -> list[bytes]:
    """The flow's frame; of MIND's, also such to the first pages of the memory, which are coherent."""
    if subject.name != "mind":
        return [flow.frame]
    pages = ((1 << 40) + 4096 * page for page in (0, 1, 3, 4, 8, 100))
    return [flow.frame, *(flow.frame[:_VA] + va.to_bytes(8, "big") + flow.frame[_VA + 8 :] for va in pages)]


def _flood_group() -> p4r.Entity:
    """What the frames of an L2 switch that it does not know the way of are copied to."""
    entity = p4r.Entity()
    entry = entity.packet_replication_engine_entry.multicast_group_entry
    entry.multicast_group_id = _FLOOD_GROUP
    entry.replicas.extend(p4r.Replica(egress_port=port) for port in bed.PORTS)
    return entity


def _check_directory(value: int) -> None:
    try:
        entry = Entry.unpack(value)
    except ValueError as error:
        raise FuzzError(f"the directory has an entry {value:#x}: {error}") from error
    if entry.pack() != value:
        raise FuzzError(f"the directory has an entry {value:#x} with bits that have no meaning")


@contextmanager
def _device(cpu_port: int | None) -> Iterator[tuple[Device, str]]:
    """A switch on the bed's links, in this process, and where it serves P4Runtime."""
    device = Device(bed.PORTS, cpu_port)
    started, stop, address = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def ready(bound: str) -> None:
        address.append(bound)
        started.set()
        await stop.wait()

    body = serve(ServerOptions("127.0.0.1:0", DEVICE_ID), device, deviceconfig.read, ready)
    thread = threading.Thread(target=loop.run_until_complete, args=(body,), name="switch", daemon=True)
    thread.start()
    try:
        if not started.wait(_START_S):
            raise FuzzError("the switch does not start")
        yield device, address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_START_S)
        device.close()
