"""Clone, resubmit, recirculate, truncate and multicast in all combinations, on live switches against a model."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from finsy.proto import p4i, p4r
from google.protobuf import text_format
from paths_model import Copies, Model

from rackplane.switch.stf.client import Client
from rackplane.switch.stf.testbed import Testbed
from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.targets import by_name

pytestmark = pytest.mark.root

PROGRAM = Path(__file__).parent / "stf" / "programs" / "paths.p4"
TARGETS = ["xdp", pytest.param("bmv2", marks=pytest.mark.bmv2)]
IN_PORT = 1
PORTS = range(1, 9)
GROUPS: dict[int, Copies] = {1: ((7, 700), (8, 701), (8, 702))}
SESSIONS: dict[int, Copies] = {1: ((3, 11),), 2: ((4, 12), (3, 13)), 3: ((5, 14),), 4: ((6, 15), (6, 16), (2, 17))}
BATCH = 4
LIMIT_S = 10.0
QUIET_S = 0.02


@dataclass(frozen=True)
class Live:
    """A running switch with the groups and sessions, and its cables."""

    testbed: Testbed
    client: Client


@pytest.fixture(scope="module", params=TARGETS)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("paths")
    target = by_name(request.param)
    program = target.compile(PROGRAM, folder)
    info = text_format.Parse(program.p4info.read_text(), p4i.P4Info())
    with Testbed(PORTS) as testbed:
        setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder, ports=testbed.near, cpu_port=None)
        with running(target, setup), Client(setup.grpc_address, setup.device_id) as client:
            client.set_pipeline(info, program.device_config.read_bytes())
            client.write([insert(group(n, copies)) for n, copies in GROUPS.items()])
            client.write([insert(session(n, copies)) for n, copies in SESSIONS.items()])
            yield Live(testbed, client)


def insert(entry: p4r.PacketReplicationEngineEntry) -> p4r.Update:
    return p4r.Update(type=p4r.Update.INSERT, entity=p4r.Entity(packet_replication_engine_entry=entry))


def group(number: int, copies: Copies) -> p4r.PacketReplicationEngineEntry:
    entry = p4r.MulticastGroupEntry(multicast_group_id=number, replicas=replicas(copies))
    return p4r.PacketReplicationEngineEntry(multicast_group_entry=entry)


def session(number: int, copies: Copies) -> p4r.PacketReplicationEngineEntry:
    entry = p4r.CloneSessionEntry(session_id=number, replicas=replicas(copies))
    return p4r.PacketReplicationEngineEntry(clone_session_entry=entry)


def replicas(copies: Copies) -> list[p4r.Replica]:
    return [p4r.Replica(egress_port=port, instance=instance) for port, instance in copies]


def packet(number: int, ingress: int, egress: int) -> bytes:
    """The packet's number is its destination: every frame that comes of it has it too."""
    return number.to_bytes(6, "big") + bytes(6) + b"\x12\x34" + bytes([ingress, egress, 0]) + b"payload" * 4


def combinations() -> list[tuple[int, int]]:
    """Every set of ingress bits with none of egress, every one of egress with none, and a sample of the others."""
    pairs = [(i, 0) for i in range(256)] + [(0, e) for e in range(64)]
    chosen = random.Random(3)
    return pairs + [(chosen.randrange(256), chosen.randrange(64)) for _ in range(300)]


def test_every_combination_does_what_the_model_does(live: Live) -> None:
    packets = [packet(n, *bits) for n, bits in enumerate(combinations())]
    for start in range(0, len(packets), BATCH):
        check(live, packets[start : start + BATCH])


def check(live: Live, packets: list[bytes]) -> None:
    """Send packets, and compare all that comes of them."""
    model = Model(GROUPS, SESSIONS)
    expected = Counter(sent for frame in packets for sent in model.run(IN_PORT, frame))
    live.testbed.received.clear()
    for frame in packets:
        live.testbed.send(IN_PORT, frame)
    enough = Counter(port for port, _ in expected.elements())
    live.testbed.collect(QUIET_S, LIMIT_S, enough)
    found = Counter((port, frame) for port, frames in live.testbed.received.items() for frame in frames)
    assert readable(found) == readable(expected)


def readable(frames: Counter[tuple[int, bytes]]) -> list[str]:
    """Port, number, op, report: each sorted, so that a difference is easy to see."""
    parts = ((4, 6), (14, 17), (17, 20), (20, 26), (26, 29), (29, 999))
    return sorted(f"{n} x {port} " + " ".join(f[a:b].hex() for a, b in parts) for (port, f), n in frames.items())
