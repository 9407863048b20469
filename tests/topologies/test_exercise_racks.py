"""A topology of the tutorials' kind is brought up from its files, and its switches do what the files say."""

from __future__ import annotations

import io
import secrets
import select
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from rackplane.switch import frames, netns
from rackplane.switch.stf.client import Client
from rackplane.topologies import checks, cleanup
from rackplane.topologies.exercise.description import read_exercise
from rackplane.topologies.exercise.planner import exercise_planner
from rackplane.topologies.prompt import FabricPrompt
from rackplane.topologies.session import RackSession
from rackplane.topologies.state import RackState

pytestmark = pytest.mark.root

FILES = Path(__file__).parent / "exercises"
POD = FILES / "pod" / "topology.json"
LACKS_BMV2 = not (shutil.which("p4c-bm2-ss") and shutil.which("simple_switch_grpc"))
BMV2 = pytest.param(
    "bmv2",
    marks=[pytest.mark.bmv2, pytest.mark.skipif(LACKS_BMV2, reason="p4c-bm2-ss, simple_switch_grpc: not on PATH")],
)
SOURCE_ROUTED, PROBE, PROBED, ROUTED, OTHER = 0x9001, 0x9002, 0x9003, 0x88B5, 0x88B6
PATIENCE = 10.0


@dataclass
class Pod:
    """The running topology, and a raw socket on every host."""

    state: RackState
    sockets: dict[str, socket.socket]

    def send(
        self, host: str, kind: int, payload: bytes, destination: int = 0x020000000001, source: int = 0
    ) -> None:
        head = destination.to_bytes(6, "big") + source.to_bytes(6, "big") + kind.to_bytes(2, "big")
        self.sockets[host].send(head + payload)

    def receive(self, host: str, kind: int, patience: float = PATIENCE) -> bytes | None:
        """What follows the EtherType `kind` in the next frame that has it."""
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.sockets[host]], [], [], left)[0]:
                frame = frames.receive(self.sockets[host])
                if int.from_bytes(frame[12:14], "big") == kind:
                    return frame[14:]
        return None


def hops(*ports: int) -> bytes:
    return b"".join(struct.pack("!H", port) for port in ports[:-1]) + struct.pack("!H", 0x8000 | ports[-1])


@pytest.fixture(scope="module", params=["xdp", BMV2])
def pod(request: pytest.FixtureRequest) -> Iterator[Pod]:
    exercise = read_exercise(POD, f"t{secrets.token_hex(3)}", at_ends=request.param == "bmv2")
    session = RackSession(exercise, exercise_planner(exercise, request.param), lambda _text: nullcontext())
    with ExitStack() as stack:
        stack.callback(cleanup.clean, exercise.fabric.name)
        state = stack.enter_context(session)
        sockets = {
            name: stack.enter_context(netns.run_in(Path(f"/proc/{pid}/ns/net"), lambda: frames.open_socket("eth0")))
            for name, pid in state.hosts.items()
        }
        yield Pod(state, sockets)


def test_every_host_reaches_every_other(pod: Pod) -> None:
    results = [checks.ping(pod.state, p.source, p.target, 2, 5) for p in checks.ping_all(pod.state)]
    assert [f"{p.source}-{p.target}" for p in results if not p.ok] == []
    assert len(results) == 12


def test_the_prompt_speaks_mininets_way(pod: Pod) -> None:
    output = io.StringIO()
    lines = io.StringIO("h1 ping -c 1 -W 5 h4\nswitches\nhosts\nlinks\n")
    FabricPrompt(pod.state, lines, output).cmdloop("")
    text = output.getvalue()
    assert "1 received" in text
    assert "ttl=61" in text
    for name, device in (("s1", 0), ("s4", 3)):
        assert f"{name}     P4Runtime on {pod.state.switch(name).grpc}, device {device}" in text
    assert "10.0.4.4/24" in text
    assert "s2 port 2" in text


def test_source_routes_are_followed(pod: Pod) -> None:
    pod.send("h1", SOURCE_ROUTED, hops(4, 2, 1) + b"by way of s4" + bytes(40))
    received = pod.receive("h3", ROUTED)
    assert received is not None
    assert received.startswith(b"by way of s4")


def test_a_clone_session_copies_what_a_sender_sends(pod: Pod) -> None:
    payload = hops(3, 2, 1) + b"watched" + bytes(50)
    pod.send("h1", SOURCE_ROUTED, payload, source=0x02000000FEED)
    assert pod.receive("h2", SOURCE_ROUTED) == payload
    received = pod.receive("h3", ROUTED)
    assert received is not None
    assert received.startswith(b"watched")


def test_probes_collect_what_every_hop_has_sent(pod: Pod) -> None:
    seen = []
    for _ in range(2):
        pod.send("h1", PROBE, b"\0" + hops(3, 2, 1) + bytes(60))
        received = pod.receive("h3", PROBED)
        assert received is not None
        assert received[0] == 3
        records = [struct.unpack_from("!BBII", received, 1 + 10 * n) for n in range(3)]
        assert [record[:2] for record in records] == [(2, 1), (3, 2), (1, 3)]
        seen.append([record[2] for record in records])
    for before, after in zip(*seen, strict=True):
        assert 60 < after - before < 1500


def test_broadcasts_reach_all_hosts_but_the_sender(pod: Pod) -> None:
    pod.send("h1", OTHER, b"to everyone" + bytes(40), 0xFFFFFFFFFFFF)
    for host in ("h2", "h3", "h4"):
        received = pod.receive(host, OTHER)
        assert received is not None
        assert received.startswith(b"to everyone")
    assert pod.receive("h1", OTHER, 0.3) is None
    assert pod.receive("h4", OTHER, 0.1) is None


def test_what_no_entry_knows_is_dropped(pod: Pod) -> None:
    assert checks.ping_address(pod.state, "h1", "10.0.9.9", 1, 1).received == 0


def test_a_slow_link_is_slow(pod: Pod) -> None:
    """A frame of 1 kB needs 4 ms at 2 Mbit/s; three may pass at once. BMv2 loses what it cannot send soon."""
    started, received, ended = time.monotonic(), 0, 0.0
    for _ in range(40):
        pod.send("h3", SOURCE_ROUTED, hops(4, 1, 1) + bytes(1000))
    while received < 40 and pod.receive("h1", ROUTED, 3.0) is not None:
        received, ended = received + 1, time.monotonic()
    assert received == 40 or (pod.state.target == "bmv2" and received > 5)
    assert ended - started > 0.003 * (received - 4)


def test_switches_are_programmed_from_outside_too(pod: Pod) -> None:
    """The launcher's own connection is gone: a controller becomes primary with election id 1."""
    address = pod.state.switch("s2")
    with Client(address.grpc, address.device_id) as client:
        client.write([])


def test_exec_reaches_the_host(pod: Pod) -> None:
    line = checks.host_command(pod.state, "h2", ["ip", "-4", "-brief", "address", "show", "eth0"])
    assert "10.0.2.2/24" in subprocess.run(line, capture_output=True, text=True, check=True).stdout
