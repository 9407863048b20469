"""What is carried: direct memory, memory blades' answers, and all that is no memory traffic."""

from __future__ import annotations

import pytest
from mind_bench import DOMAIN, HOSTS, MEMORY_HOSTS, Bench
from mind_model import Output
from mind_packets import Aeth, Atomic, Op, Reth, Verb
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

C1, C2 = HOSTS[1], HOSTS[2]
M2 = MEMORY_HOSTS[1]


@pytest.mark.parametrize("blade", range(4))
@pytest.mark.parametrize(("offset", "length"), [(0, 1), (0, 1024), (1023, 1), (0xFC00, 1024)])
def test_read_of_direct_memory(bench: Bench, blade: int, offset: int, length: int) -> None:
    padding = bytes(length if length > 128 else 0)
    verb = Verb(Op.READ, 0xFF1234, 0xFFFFFF, reth=Reth(bench.direct + offset, DOMAIN, length), payload=padding)
    reth = Reth(bench.direct_offset + offset, 0, length)
    expected = Verb(Op.READ, blade << 16 | 0x1234, 0xFFFFFF, reth=reth, payload=padding)
    assert bench.send(blade + 1, verb) == [Output(M2.port, expected)]


def test_upper_half_of_rkey_means_nothing(bench: Bench) -> None:
    verb = Verb(Op.READ, 1, 2, reth=Reth(bench.direct, 0xABCD0000 | DOMAIN, 8))
    (output,) = bench.send(1, verb)
    assert output.verb.reth == Reth(bench.direct_offset, 0, 8)


def test_write_of_direct_memory(bench: Bench) -> None:
    data = bytes(range(100))
    verb = Verb(Op.WRITE, 7, 8, reth=Reth(bench.direct + 5, DOMAIN, 100), payload=data)
    expected = Verb(Op.WRITE, 1 << 16 | 7, 8, reth=Reth(bench.direct_offset + 5, 0, 100), payload=data)
    assert bench.send(2, verb) == [Output(M2.port, expected)]


@pytest.mark.parametrize("op", [Op.COMPARE_SWAP, Op.FETCH_ADD])
def test_atomic_on_direct_memory(bench: Bench, op: Op) -> None:
    verb = Verb(op, 7, 8, atomic=Atomic(bench.direct + 8, DOMAIN, 1 << 63, 0xFFFFFFFFFFFFFFFF))
    atomic = Atomic(bench.direct_offset + 8, 0, 1 << 63, 0xFFFFFFFFFFFFFFFF)
    assert bench.send(3, verb) == [Output(M2.port, Verb(op, 2 << 16 | 7, 8, atomic=atomic))]


@pytest.mark.parametrize("blade", range(4))
@pytest.mark.parametrize(
    ("op", "payload"),
    [(Op.READ_RESPONSE, bytes(range(256)) * 4), (Op.ACKNOWLEDGE, b""), (Op.ATOMIC_ACKNOWLEDGE, bytes(range(8)))],
    ids=str,
)
def test_answer_of_a_memory_blade(bench: Bench, blade: int, op: Op, payload: bytes) -> None:
    verb = Verb(op, blade << 16 | 0xABCD, 77, aeth=Aeth(0, 0x123456), payload=payload)
    expected = Verb(op, 0xABCD, 77, aeth=Aeth(0, 0x123456), payload=payload)
    assert bench.send(M2.port, verb) == [Output(blade + 1, expected)]


TO_C2 = Ether(src=C1.mac, dst=C2.mac)
IP_TO_C2 = IP(src=C1.ip, dst=C2.ip)
BRIDGED = (
    TO_C2 / IP_TO_C2 / ICMP() / Raw(bytes(56)),
    TO_C2 / IP_TO_C2 / TCP(sport=1, dport=4791) / Raw(b"x" * 1400),
    TO_C2 / IP_TO_C2 / UDP(sport=4791, dport=53) / Raw(b"name"),
    TO_C2 / IP(src=C1.ip, dst=C2.ip, frag=100, proto="icmp") / Raw(bytes(64)),
    TO_C2 / IPv6() / UDP(sport=1, dport=4791) / Raw(bytes(64)),
    TO_C2 / ARP(op="is-at", psrc=C1.ip, pdst=C2.ip),
)


@pytest.mark.parametrize("packet", BRIDGED, ids=lambda packet: packet.summary())
def test_other_traffic_is_bridged_untouched(bench: Bench, packet: Packet) -> None:
    data = bytes(packet)
    assert bench.raw(1, data) == {2: [data]}


def test_wrong_checksum_of_other_traffic_stays(bench: Bench) -> None:
    """It is the receiver's to judge."""
    data = bytearray(bytes(BRIDGED[0]))
    data[24] ^= 0xFF
    assert bench.raw(1, bytes(data)) == {2: [bytes(data)]}


@pytest.mark.parametrize("destination", ["ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"])
def test_broadcast_and_multicast_reach_every_other_host(bench: Bench, destination: str) -> None:
    data = bytes(Ether(src=C1.mac, dst=destination) / ARP(psrc=C1.ip, pdst=C2.ip))
    assert bench.raw(1, data) == {port: [data] for port in (2, 3, 4, 5, 6)}
