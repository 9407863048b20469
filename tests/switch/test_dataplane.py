"""Packets through the hand-written program on a running switch."""

from __future__ import annotations

import re
import struct

import basic_program as basic
import pytest
import switch_client as p4
from finsy.proto import p4r
from switch_hosts import Links, Running

pytestmark = pytest.mark.root

SOURCE = bytes.fromhex("020000000a00")


def frame(mac: int, payload: bytes = b"hello", kind: int = 0x1234) -> bytes:
    return (mac.to_bytes(6, "big") + SOURCE + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def ipv4(dst: int, src: int = 0x0A000001, protocol: int = 17, port: int = 53) -> bytes:
    header = struct.pack("!BBHHHBBHII", 0x45, 0, 28, 0, 0, 64, protocol, 0, src, dst)
    return frame(0x02AA, header + struct.pack("!HHHH", 1000, port, 8, 0), 0x0800)


def test_exact_table_forwards_and_drops(client: p4.Client, links: Links) -> None:
    client.insert(p4.l2(0x0200, 2), p4.l2(0x0300, 3))
    links.hosts[1].send(frame(0x0200))
    links.hosts[1].send(frame(0x0300, b"third"))
    links.hosts[1].send(frame(0x0400))
    assert links.hosts[2].drain() == [frame(0x0200)]
    assert links.hosts[3].drain() == [frame(0x0300, b"third")]
    client.delete(p4.l2(0x0200))
    links.hosts[1].send(frame(0x0200))
    assert links.hosts[2].drain() == []


def test_ports_send_nothing_of_their_own(switch: Running, links: Links) -> None:
    """The kernel looks for other owners of a new IPv6 address within about a second after an interface came up."""
    frames = [frame for host in links.hosts.values() for frame in host.drain(0.5)]
    assert frames == []


def test_default_action_is_set_and_reset(client: p4.Client, links: Links) -> None:
    default = p4.l2(0, 3)
    del default.table_entry.match[:]
    default.table_entry.is_default_action = True
    client.modify(default)
    links.hosts[1].send(frame(0x0999))
    assert links.hosts[3].drain() == [frame(0x0999)]
    default.table_entry.ClearField("action")
    client.modify(default)
    links.hosts[1].send(frame(0x0999))
    assert links.hosts[3].drain() == []


def test_longest_prefix_wins_and_is_counted(client: p4.Client, links: Links) -> None:
    client.insert(p4.route(0x0A010000, 16, 2), p4.route(0x0A010200, 24, 3), p4.route(0, 0, 2, mac=0x0BB))
    for dst, port in ((0x0A010305, 2), (0x0A010205, 3), (0x0B000001, 2)):
        links.hosts[1].send(ipv4(dst))
        received = links.hosts[port].receive()
        assert received is not None
        assert received[14:] == ipv4(dst)[14:]
        assert received[:6] == (0x0BB if dst == 0x0B000001 else 0x0800000000AA).to_bytes(6, "big")
    wanted = p4.route(0x0A010200, 24)
    wanted.table_entry.counter_data.SetInParent()
    (entry,) = client.read(wanted)
    assert (entry.table_entry.counter_data.packet_count, entry.table_entry.counter_data.byte_count) == (1, 60)


ACL_CASES = [
    ("nothing matches", [p4.acl(5, src=(0x0B000000, 0xFF000000))], [True, True, True]),
    ("range", [p4.acl(5, ports=(50, 79))], [False, True, True]),
    ("optional", [p4.acl(5, protocol=6)], [True, True, False]),
    ("everything", [p4.acl(5)], [False, False, False]),
    ("higher priority permits", [p4.acl(5), p4.acl(9, deny=False, ports=(80, 80))], [False, True, False]),
    ("lower priority loses", [p4.acl(9), p4.acl(5, deny=False, ports=(80, 80))], [False, False, False]),
    (
        "three masks, falling and rising priority",
        [p4.acl(3), p4.acl(7, deny=False, src=(0x0A000001, 0xFFFFFFFF)), p4.acl(8, protocol=6)],
        [True, True, False],
    ),
    (
        "same masked key, two priorities",
        [p4.acl(3, protocol=17), p4.acl(4, deny=False, protocol=17)],
        [True, True, True],
    ),
]


@pytest.mark.parametrize(("name", "entries", "passed"), ACL_CASES, ids=[c[0] for c in ACL_CASES])
def test_ternary_table(
    client: p4.Client, links: Links, name: str, entries: list[p4r.Entity], passed: list[bool]
) -> None:
    client.insert(p4.route(0x0B000000, 8, 2), *entries)
    frames = [ipv4(0x0B000001, port=53), ipv4(0x0B000002, port=80), ipv4(0x0B000003, protocol=6, port=443)]
    for sent in frames:
        links.hosts[1].send(sent)
    received = [f[14:] for f in links.hosts[2].drain()]
    assert received == [f[14:] for f, through in zip(frames, passed, strict=True) if through], name
    client.delete(*entries)
    links.hosts[1].send(frames[0])
    assert len(links.hosts[2].drain()) == 1


def test_mask_groups_are_reused(client: p4.Client, links: Links) -> None:
    client.insert(p4.route(0x0B000000, 8, 2))
    for round_number in range(3):
        entries = [p4.acl(i + 1, src=(0, 1 << (i + 8 * round_number))) for i in range(basic.ACL_GROUPS)]
        client.insert(*entries)
        client.delete(*entries)
    denied = p4.acl(1, src=(0x0A000001, 0xFFFFFFF1))
    client.insert(denied)
    links.hosts[1].send(ipv4(0x0B000001))
    assert links.hosts[2].drain() == []
    client.delete(denied)
    links.hosts[1].send(ipv4(0x0B000001))
    assert len(links.hosts[2].drain()) == 1


def test_multicast_copies_are_pruned_and_numbered(client: p4.Client, links: Links) -> None:
    client.insert(p4.group(5, (1, 11), (2, 12), (3, 13)), p4.l2(0x0100_0000_0001, group=5))
    links.hosts[1].send(frame(0x0100_0000_0001))
    for port in (2, 3):
        (copy,) = links.hosts[port].drain()
        assert copy[11] == 10 + port, "the replica's instance"
    assert links.hosts[1].drain() == []
    client.modify(p4.group(5, (3, 33)))
    links.hosts[1].send(frame(0x0100_0000_0001))
    assert links.hosts[2].drain() == []
    assert [f[11] for f in links.hosts[3].drain()] == [33]
    client.delete(p4.group(5))
    links.hosts[1].send(frame(0x0100_0000_0001))
    assert links.hosts[3].drain() == []


def test_packet_in_and_packet_out(client: p4.Client, links: Links) -> None:
    client.insert(p4.l2(0x0500, cpu=True))
    tagged = bytes.fromhex("000000000500") + SOURCE + bytes.fromhex("8100 0064 0800") + bytes(46)
    for sent in (frame(0x0500), tagged):
        links.hosts[2].send(sent)
        packet = client.stream.receive().packet
        assert packet.payload == sent
        assert [(m.metadata_id, m.value) for m in packet.metadata] == [(1, b"\x02")]
    message = p4r.StreamMessageRequest()
    message.packet.payload = frame(0x0777)
    message.packet.metadata.add(metadata_id=1, value=b"\x03")
    client.stream.send(message)
    assert links.hosts[3].receive() == frame(0x0777)


@pytest.mark.parametrize("size", [60, 1514])
def test_frames_of_any_size_fit_through_the_cpu_port(client: p4.Client, links: Links, size: int) -> None:
    """The packet_in header comes on top of a frame that already fills the link's MTU."""
    client.insert(p4.l2(0x0500, cpu=True))
    sent = frame(0x0500).ljust(size, b"x")
    links.hosts[2].send(sent)
    assert client.stream.receive().packet.payload == sent
    message = p4r.StreamMessageRequest()
    message.packet.payload = sent
    message.packet.metadata.add(metadata_id=1, value=b"\x03")
    client.stream.send(message)
    assert links.hosts[3].receive() == sent


PACKET_OUT_ERRORS = [
    ([], b"x" * 60, "egress_port .1. is missing"),
    ([(1, b"\x02"), (1, b"\x02")], b"x" * 60, "given twice"),
    ([(2, b"\x02")], b"x" * 60, "metadata 2 does not exist"),
    ([(1, b"\x04\x00")], b"x" * 60, "does not fit into 9 bits"),
    ([(1, b"\x02")], b"", "a frame of 2 bytes"),
]


@pytest.mark.parametrize(("metadata", "payload", "message"), PACKET_OUT_ERRORS)
def test_bad_packet_out_is_reported(
    client: p4.Client, metadata: list[tuple[int, bytes]], payload: bytes, message: str
) -> None:
    request = p4r.StreamMessageRequest()
    request.packet.payload = payload
    for number, value in metadata:
        request.packet.metadata.add(metadata_id=number, value=value)
    client.stream.send(request)
    error = client.stream.receive().error
    assert error.canonical_code in (3, 11)
    assert error.packet_out.packet_out == request.packet
    assert re.search(message, error.message)


def test_registers_and_counters_follow_packets(client: p4.Client, links: Links) -> None:
    client.insert(p4.l2(0x0200, 2))
    client.modify(p4.register(basic.OCTETS, 1, 1000))
    for _ in range(5):
        links.hosts[1].send(frame(0x0200))
    assert len(links.hosts[2].drain()) == 5
    (seen, octets) = client.read(p4.register(basic.SEEN, 1), p4.register(basic.OCTETS, 1))
    assert seen.register_entry.data.bitstring == b"\x05"
    assert int.from_bytes(octets.register_entry.data.bitstring, "big") == 1000 + 5 * 60
    (cell,) = client.read(p4.counter(basic.PORT_COUNTER, 1))
    assert (cell.counter_entry.data.packet_count, cell.counter_entry.data.byte_count) == (5, 300)
    packet = ipv4(0x0B000001)
    links.hosts[1].send(packet)
    links.hosts[1].drain()
    (header,) = client.read(p4.register(basic.LAST_HEADER, 0))
    assert header.register_entry.data.bitstring == packet[14:30]


def test_keyless_table(client: p4.Client, links: Links) -> None:
    level = p4.register(basic.LEVEL, 1)
    links.hosts[1].send(frame(0x0999))
    links.hosts[1].drain()
    assert client.read(level)[0].register_entry.data.bitstring == b"\x05"
    setting = p4r.Entity()
    setting.table_entry.table_id, setting.table_entry.is_default_action = basic.SETTINGS, True
    setting.table_entry.action.action.action_id = basic.SET_LEVEL
    setting.table_entry.action.action.params.add(param_id=1, value=b"\x63")
    setting.table_entry.action.action.params.add(param_id=2, value=b"\xff" * 16)
    client.modify(setting)
    links.hosts[1].send(frame(0x0999))
    links.hosts[1].drain()
    assert client.read(level)[0].register_entry.data.bitstring == b"\x63"


def test_copies_keep_their_program_among_unicast_frames(client: p4.Client, links: Links) -> None:
    """The kernel keeps one DEVMAP program per device and poll cycle; two senders fill cycles with both kinds."""
    count = 10000
    client.insert(p4.l2(0x0200, 2), p4.group(5, (1, 1), (2, 9)), p4.l2(0x0300, group=5))
    senders = [links.hosts[1].flood(f, count) for f in (frame(0x0200), frame(0x0300))]
    assert [sender.wait() for sender in senders] == [0, 0]
    received = links.hosts[2].drain()
    unicast = [f for f in received if f[:6] == (0x0200).to_bytes(6, "big")]
    copies = [f for f in received if f[:6] == (0x0300).to_bytes(6, "big")]
    assert len(unicast) > count // 2
    assert len(copies) > count // 2
    assert {f[11] for f in unicast} == {0}
    assert {f[11] for f in copies} == {9}
    assert links.hosts[1].drain() == []
