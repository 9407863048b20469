"""Clone sessions over P4Runtime: written, read, refused, and what they do to packets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from paths_lab import Live, group, packet, running_paths, session

from rackplane.switch.stf.client import RequestFailed

pytestmark = pytest.mark.root

TARGETS = ["xdp", pytest.param("bmv2", marks=pytest.mark.bmv2)]
INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
CLONE_I2E, CLONE_AND_DROP, CLONE_E2E = 0x01, 0x11, 0x01


@pytest.fixture(scope="module", params=TARGETS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running_paths(request.param, tmp_path_factory.mktemp("sessions")) as found:
        yield found


@pytest.fixture
def live(shared: Live) -> Iterator[Live]:
    """The switch with session 1 to port 3, and afterwards without any entry."""
    shared.insert(session(1, ((3, 7),)))
    yield shared
    for entry in both(shared):
        shared.write(DELETE, entry)


@pytest.fixture
def xdp(live: Live) -> Live:
    """For what BMv2 does not have."""
    if live.target != "xdp":
        pytest.skip("simple_switch_grpc does not support it")
    return live


def both(live: Live) -> list[p4r.PacketReplicationEngineEntry]:
    entries = []
    for wanted in (session(0), group(0, ())):
        found = live.client.read(p4r.Entity(packet_replication_engine_entry=wanted))
        entries += [e.packet_replication_engine_entry for e in found]
    return entries


def sessions(live: Live, number: int = 0) -> list[p4r.CloneSessionEntry]:
    found = live.client.read(p4r.Entity(packet_replication_engine_entry=session(number)))
    entries = [e.packet_replication_engine_entry.clone_session_entry for e in found]
    return sorted(entries, key=lambda e: e.session_id)


def check_ports(live: Live, *wanted: int, ingress: int = CLONE_AND_DROP, egress: int = 0) -> None:
    """A packet comes out on these ports, on each as often."""
    found = live.outcome([packet(1, ingress, egress)], [(port, b"") for port in wanted])
    assert sorted(port for port, _ in found.elements()) == sorted(wanted)


def test_sessions_are_read_as_they_were_written(live: Live) -> None:
    second = session(2, ((4, 1), (5, 1)))
    live.insert(second, group(1, ((3, 1),)))
    assert [e.session_id for e in sessions(live)] == [1, 2]
    (found,) = sessions(live, 2)
    assert sorted((r.egress_port, r.instance) for r in found.replicas) == [(4, 1), (5, 1)]
    assert len(both(live)) == 3


def test_packets_follow_every_change(live: Live) -> None:
    check_ports(live, 3)
    live.write(MODIFY, session(1, ((4, 1), (5, 2))))
    check_ports(live, 4, 5)
    live.write(MODIFY, session(1, ((5, 1),)))
    check_ports(live, 5)
    live.write(MODIFY, session(1))
    check_ports(live)
    check_ports(live, 2, ingress=CLONE_I2E)
    live.write(DELETE, session(1))
    check_ports(live)
    check_ports(live, 2, ingress=CLONE_I2E)
    live.insert(session(1, ((6, 1),)))
    check_ports(live, 6)


def test_sessions_of_egress_follow_every_change(live: Live) -> None:
    check_ports(live, 2, ingress=0, egress=CLONE_E2E)
    live.insert(session(3, ((5, 1), (5, 2))))
    check_ports(live, 2, 5, 5, ingress=0, egress=CLONE_E2E)
    live.write(MODIFY, session(3, ((4, 1),)))
    check_ports(live, 2, 4, ingress=0, egress=CLONE_E2E)


def test_a_port_without_a_cable_takes_its_copy_only(live: Live) -> None:
    live.write(MODIFY, session(1, ((3, 1), (99, 1), (4, 1))))
    check_ports(live, 2, 3, 4, ingress=CLONE_I2E)


@pytest.mark.parametrize(
    ("kind", "entry", "words"),
    [
        (INSERT, session(1, ((3, 1),)), "clone session 1 already exists"),
        (MODIFY, session(9, ((3, 1),)), "there is no clone session 9"),
        (DELETE, session(9), "there is no clone session 9"),
        (INSERT, session(0, ((3, 1),)), "clone session 0 is not within 1..32767"),
        (INSERT, session(32768, ((3, 1),)), "clone session 32768 is not within 1..32767"),
        (INSERT, session(9, ((3, 1), (3, 1))), "clone session 9 has port 3, instance 1 twice"),
    ],
)
def test_refusals(
    live: Live, kind: p4r.Update.Type.ValueType, entry: p4r.PacketReplicationEngineEntry, words: str
) -> None:
    before = sessions(live)
    with pytest.raises(RequestFailed) as caught:
        live.write(kind, entry)
    assert live.target != "xdp" or words in str(caught.value)
    assert sessions(live) == before


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (session(9, ((512, 1),)), "a replica of clone session 9 has port 512; ports are below 512"),
        (session(9, ((3, 65536),)), "instance 65536, which is not within 0..65535"),
        (session(9, tuple((3, n) for n in range(513))), "clone session 9 has 513 replicas, the limit is 512"),
        (session(9, ((3, 1),), length=-1), "a packet length of -1 bytes, which is not within 0..65535"),
        (session(9, ((3, 1),), length=65536), "a packet length of 65536 bytes, which is not within 0..65535"),
        (session(9, ((3, 1),), class_of_service=8), "class of service 8; the classes are 0..7"),
        (p4r.PacketReplicationEngineEntry(), "neither a multicast group nor a clone session"),
    ],
)
def test_refusals_of_xdp(xdp: Live, entry: p4r.PacketReplicationEngineEntry, words: str) -> None:
    with pytest.raises(RequestFailed, match="update #0") as caught:
        xdp.insert(entry)
    assert words in str(caught.value)


def test_a_packet_length_cuts_clones_only(xdp: Live) -> None:
    xdp.write(MODIFY, session(1, ((3, 1),), length=25))
    xdp.insert(session(3, ((5, 1),), length=5))
    found = {port: len(frame) for port, frame in xdp.outcome([packet(1, CLONE_I2E, 0)], [(2, b""), (3, b"")])}
    assert found == {2: 58, 3: 25}
    found = {port: len(frame) for port, frame in xdp.outcome([packet(1, 0, CLONE_E2E)], [(2, b""), (5, b"")])}
    assert found == {2: 58, 5: 14}
    assert [e.packet_length_bytes for e in sessions(xdp)] == [25, 5]


def test_a_class_of_service_is_the_clones_priority(xdp: Live) -> None:
    xdp.write(MODIFY, session(1, ((3, 1),), class_of_service=6))
    found = {port: frame[29] for port, frame in xdp.outcome([packet(1, CLONE_I2E, 0)], [(2, b""), (3, b"")])}
    assert found == {2: 0, 3: 6}
    assert [e.class_of_service for e in sessions(xdp)] == [6]


def test_a_batch_that_fails_leaves_sessions_as_they_were(xdp: Live) -> None:
    updates = [
        p4r.Update(type=kind, entity=p4r.Entity(packet_replication_engine_entry=entry))
        for kind, entry in ((MODIFY, session(1, ((6, 1),))), (INSERT, session(2, ((4, 1),))), (DELETE, session(9)))
    ]
    before = sessions(xdp)
    with pytest.raises(RequestFailed, match="there is no clone session 9"):
        xdp.client.write(updates, p4r.WriteRequest.ROLLBACK_ON_ERROR)
    assert sessions(xdp) == before
    check_ports(xdp, 3)
