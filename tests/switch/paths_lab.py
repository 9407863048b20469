"""A live switch that runs stf/programs/paths.p4, its cables, and replication entries for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4i, p4r
from google.protobuf import text_format
from paths_model import Copies

from rackplane.switch.stf.client import Client
from rackplane.switch.stf.testbed import Testbed
from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.targets import by_name

PROGRAM = Path(__file__).parent / "stf" / "programs" / "paths.p4"
IN_PORT = 1
PORTS = range(1, 9)
LIMIT_S = 10.0
QUIET_S = {"xdp": 0.02, "bmv2": 0.05}
Sent = tuple[int, bytes]


@dataclass(frozen=True)
class Live:
    """A running switch of one target, and its cables."""

    target: str
    testbed: Testbed
    client: Client

    def write(self, kind: p4r.Update.Type.ValueType, *entries: p4r.PacketReplicationEngineEntry) -> None:
        """Write a batch of one kind; RequestFailed."""
        entities = [p4r.Entity(packet_replication_engine_entry=e) for e in entries]
        self.client.write([p4r.Update(type=kind, entity=e) for e in entities])

    def insert(self, *entries: p4r.PacketReplicationEngineEntry) -> None:
        """INSERT."""
        self.write(p4r.Update.INSERT, *entries)

    def outcome(self, frames: Iterable[bytes], expected: Iterable[Sent] = ()) -> Counter[Sent]:
        """What comes out, by port, when frames are sent; waits for what is expected, and then for silence."""
        self.testbed.received.clear()
        for frame in frames:
            self.testbed.send(IN_PORT, frame)
        enough = Counter(port for port, _ in expected)
        self.testbed.collect(QUIET_S[self.target] if enough else 0.3, LIMIT_S, enough)
        return Counter((port, frame) for port, frames in self.testbed.received.items() for frame in frames)


@contextmanager
def running_paths(target_name: str, folder: Path, without: Collection[str] = ()) -> Iterator[Live]:
    """The switch, without groups and sessions, and without some of the program's paths."""
    target = by_name(target_name)
    program = target.compile(PROGRAM, folder, defines={f"WITHOUT_{name}": "1" for name in without})
    info = text_format.Parse(program.p4info.read_text(), p4i.P4Info())
    with Testbed(PORTS) as testbed:
        setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder, ports=testbed.near, cpu_port=None)
        with running(target, setup), Client(setup.grpc_address, setup.device_id) as client:
            client.set_pipeline(info, program.device_config.read_bytes())
            yield Live(target_name, testbed, client)


def group(number: int, copies: Copies) -> p4r.PacketReplicationEngineEntry:
    """A multicast group."""
    entry = p4r.MulticastGroupEntry(multicast_group_id=number, replicas=replicas(copies))
    return p4r.PacketReplicationEngineEntry(multicast_group_entry=entry)


def session(
    number: int, copies: Copies = (), length: int = 0, class_of_service: int = 0
) -> p4r.PacketReplicationEngineEntry:
    """A clone session."""
    entry = p4r.CloneSessionEntry(session_id=number, replicas=replicas(copies), packet_length_bytes=length)
    entry.class_of_service = class_of_service
    return p4r.PacketReplicationEngineEntry(clone_session_entry=entry)


def replicas(copies: Copies) -> list[p4r.Replica]:
    """Replicas of (port, instance)."""
    return [p4r.Replica(egress_port=port, instance=instance) for port, instance in copies]


def packet(number: int, ingress: int, egress: int) -> bytes:
    """The packet's number is its destination: every frame that comes of it has it too."""
    return number.to_bytes(6, "big") + bytes(6) + b"\x12\x34" + bytes([ingress, egress, 0]) + b"payload" * 4
