"""One program in three switches: the IR machine, the kernel without interfaces, and a target on links."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4i, p4r
from google.protobuf import text_format

from rackplane.compiler.driver import compile_with_lead, default_cache
from rackplane.compiler.frontend import load
from rackplane.experiments.packet_fuzz.packets import PacketMaker
from rackplane.switch import libbpf, pipeline
from rackplane.switch.fanout import Devices
from rackplane.switch.maps import SharedMemory
from rackplane.switch.stf.client import Client
from rackplane.switch.stf.testbed import Testbed
from rackplane.switch.target import SwitchSetup, Target, free_port, running

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(p.stem for p in PROGRAMS.glob("*.p4") if p.stem != "tail")
PATHS = "paths"
"""The program whose packets become several, or pass twice: that takes links."""
ON_LINKS = {"NO_MATCH_IS_NO_ERROR": "1"}
"""BMv2 leaves parser_error at NoError where no case of a select matches: what is compared does not ask for it."""
GROUPS = {1: [(1, 1), (1, 2), (2, 3)]}
SESSIONS = {5: [(2, 1)]}
"""Replicas (port, instance) by multicast group and by clone session."""
LEAD = 16
LOOPBACK = 1
IN_PORT, OUT_PORT = 3, 1
_REDIRECT = 4
_QUIET_S = {"xdp": 0.1, "bmv2": 0.4}


class KernelSwitch:
    """A program in the kernel: packets of any length come in on port 3, and what leaves by port 1 is seen."""

    def __init__(self, source: Path) -> None:
        bundle = compile_with_lead(source, lead_bytes=LEAD, cache=default_cache())
        self._pipeline = pipeline.load(
            bundle.object, bundle.manifest, p4i.P4Info.FromString(bundle.p4info), Devices({})
        )
        maps, loaded = bundle.manifest.maps, self._pipeline.loaded
        SharedMemory(loaded.map(maps.ports)).words(2, LOOPBACK + 1)[LOOPBACK] = IN_PORT + 1
        out = loaded.map(maps.tx)
        out.put(OUT_PORT.to_bytes(4, "little"), LOOPBACK.to_bytes(4, "little") + bytes(4))

    def process(self, packet: bytes) -> bytes | None:
        """What leaves; None when the packet is dropped."""
        verdict, after, _ = libbpf.test_run(self._pipeline.loaded.ingress_fd, bytes(LEAD) + packet, 1, LOOPBACK)
        return after[LEAD:] if verdict == _REDIRECT else None

    def close(self) -> None:
        self._pipeline.close()


def packets(name: str, count: int, seed: int) -> list[bytes]:
    """Packets along the program's parser, damaged ones, and short ones of any length."""
    chance = random.Random(seed)
    source = load(PROGRAMS / f"{name}.p4")
    seeds = [
        bytes(64),
        bytes(range(64)),
        chance.randbytes(40),
        bytes(chance.choice((0, 1, 2, 3)) for _ in range(60)),
    ]
    maker = PacketMaker(source, seeds, chance)
    made = [small(maker.make(), chance) for _ in range(count)]
    return [packet for packet in made if packet]


def small(packet: bytes, chance: random.Random) -> bytes:
    """Many values of a small domain, so that keys match; sometimes cut short."""
    raw = bytearray(packet[:300])
    for at in range(min(len(raw), 40)):
        if chance.random() < 0.15:
            raw[at] = chance.choice((0, 1, 2, 3, 4, 5, 10, 15, 20, 0x0A, 0x10, 0x80, 0xFF))
    return bytes(raw[: chance.randrange(1, 30)] if chance.random() < 0.15 else raw)


@dataclass
class LinkedSwitch:
    """A target's switch on links, with the program in it."""

    testbed: Testbed
    quiet: float

    def process(self, batch: Sequence[bytes]) -> dict[int, list[bytes]]:
        """Send packets into port 3 one after the other; what came out of every port, sorted."""
        self.testbed.received.clear()
        for packet in batch:
            self.testbed.send(IN_PORT, packet)
        self.testbed.collect(self.quiet, 10.0)
        return {port: sorted(frames) for port, frames in self.testbed.received.items() if frames}


def replication() -> Iterator[p4r.Update]:
    """What makes GROUPS and SESSIONS."""
    for number, replicas in GROUPS.items():
        group = p4r.MulticastGroupEntry(multicast_group_id=number, replicas=replicas_of(replicas))
        yield inserted(p4r.PacketReplicationEngineEntry(multicast_group_entry=group))
    for number, replicas in SESSIONS.items():
        session = p4r.CloneSessionEntry(session_id=number, replicas=replicas_of(replicas))
        yield inserted(p4r.PacketReplicationEngineEntry(clone_session_entry=session))


def replicas_of(pairs: Sequence[tuple[int, int]]) -> list[p4r.Replica]:
    return [p4r.Replica(egress_port=port, instance=instance) for port, instance in pairs]


def inserted(entry: p4r.PacketReplicationEngineEntry) -> p4r.Update:
    return p4r.Update(type=p4r.Update.INSERT, entity=p4r.Entity(packet_replication_engine_entry=entry))


@contextmanager
def linked(target: Target, name: str, folder: Path) -> Iterator[LinkedSwitch]:
    """The program on a target. Packets have at least the length of an Ethernet header."""
    program = target.compile(PROGRAMS / f"{name}.p4", folder / target.name, defines=ON_LINKS)
    info = text_format.Parse(program.p4info.read_text(), p4i.P4Info())
    with ExitStack() as stack:
        testbed = stack.enter_context(Testbed([OUT_PORT, 2, IN_PORT]))
        setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder / target.name, ports=testbed.near, cpu_port=None)
        stack.enter_context(running(target, setup))
        client = stack.enter_context(Client(setup.grpc_address, setup.device_id))
        client.set_pipeline(info, program.device_config.read_bytes())
        client.write(replication())
        yield LinkedSwitch(testbed, _QUIET_S[target.name])
