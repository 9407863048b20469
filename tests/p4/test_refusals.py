"""What the switch does not carry out: each reason, how it is counted, and the answer where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from mind_bench import DOMAIN, HOSTS, READER, STRANGER, Bench
from mind_model import Directory, Output
from mind_packets import (
    ACCESS,
    INVALID,
    RACK_IP,
    RACK_MAC,
    RNR,
    Aeth,
    Atomic,
    Coh,
    Host,
    Op,
    Reth,
    Verb,
    frame,
)
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

C1 = HOSTS[1]
M1 = HOSTS[5]
NOWHERE = 99 << 40
DATA = bytes(64)

Maker = Callable[[Bench], bytes]


@dataclass(frozen=True)
class Drop:
    """A frame that must vanish and count under `reason`."""

    name: str
    reason: str
    make: Maker
    port: int = 1


def read(va: int, length: int = 64, domain: int = DOMAIN) -> Verb:
    return Verb(Op.READ, 5, 100, reth=Reth(va, domain, length))


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def with_checksum(data: bytes) -> bytes:
    """The frame with its IPv4 checksum made right."""
    packet = Ether(data)
    del packet[IP].chksum
    return bytes(packet)


def good(bench: Bench, verb: Verb | None = None) -> bytes:
    return frame(verb or read(bench.direct), C1)


def lengths(data: bytes, total: int, udp: int) -> bytes:
    return with_checksum(patched(patched(data, 16, total.to_bytes(2, "big")), 38, udp.to_bytes(2, "big")))


def write(bench: Bench, length: int, payload: int, va: int = 0) -> bytes:
    return good(bench, Verb(Op.WRITE, 5, 1, reth=Reth(bench.direct + va, DOMAIN, length), payload=bytes(payload)))


def push(bench: Bench, payload: int, length: int = 1024) -> bytes:
    reth = Reth(bench.region.base, DOMAIN, length)
    return good(bench, Verb(Op.PUSH, 5, 1, reth=reth, coh=Coh(bench.region.base), payload=bytes(payload)))


def atomic(va: int) -> Verb:
    return Verb(Op.FETCH_ADD, 5, 7, atomic=Atomic(va, DOMAIN, 1, 0))


def to(verb: Verb, ip: str, mac: str) -> bytes:
    packet = Ether(frame(verb, C1))
    packet.dst = mac
    packet[IP].dst = ip
    del packet[IP].chksum
    return bytes(packet)


def sized(verb: Verb, sent_from: Host = C1) -> Maker:
    return lambda _: frame(verb, sent_from)


DROPS = (
    Drop("ends where IPv4 begins", "TRUNCATED", lambda b: good(b)[:14]),
    Drop("ends in IPv4", "TRUNCATED", lambda b: good(b)[:33]),
    Drop("ends in UDP", "TRUNCATED", lambda b: good(b)[:40]),
    Drop("ends in BTH", "TRUNCATED", lambda b: good(b)[:53]),
    Drop("ends in RETH", "TRUNCATED", lambda b: good(b)[:69]),
    Drop("ends in AtomicETH", "TRUNCATED", lambda b: good(b, atomic(b.direct))[:81]),
    Drop("ends in CohETH", "TRUNCATED", lambda b: good(b, Verb(Op.EVICT, coh=Coh(b.region.base)))[:81]),
    Drop("PUSH ends in CohETH", "TRUNCATED", lambda b: push(b, 1024)[:97]),
    Drop("IPv4 options", "BAD_IP_HEADER", lambda b: with_checksum(patched(good(b), 14, b"\x46"))),
    Drop("IPv4 version 6", "BAD_IP_HEADER", lambda b: with_checksum(patched(good(b), 14, b"\x65"))),
    Drop("first fragment", "BAD_IP_HEADER", lambda b: with_checksum(patched(good(b), 20, b"\x20\x00"))),
    Drop("later fragment", "BAD_IP_HEADER", lambda b: with_checksum(patched(good(b), 20, b"\x00\x10"))),
    Drop("IPv4 checksum", "BAD_IP_CHECKSUM", lambda b: patched(good(b), 24, b"\x12\x34")),
    Drop("IPv4 length over the frame's", "BAD_LENGTH", lambda b: lengths(good(b), 1000, 980)),
    Drop("IPv4 length over UDP's", "BAD_LENGTH", lambda b: lengths(good(b), 60, 39)),
    Drop("IPv4 length under UDP's", "BAD_LENGTH", lambda b: lengths(good(b), 60, 41)),
    Drop("UDP length without RETH", "SHORT_PAYLOAD", lambda b: lengths(good(b), 59, 39)),
    Drop("UDP length 0", "SHORT_PAYLOAD", lambda b: lengths(good(b), 20, 0)),
    Drop("WRITE with a byte too few", "SHORT_PAYLOAD", lambda b: write(b, 64, 63)),
    Drop("WRITE without data", "SHORT_PAYLOAD", lambda b: write(b, 1024, 0)),
    Drop("PUSH with a byte too few", "SHORT_PAYLOAD", lambda b: push(b, 1023)),
    Drop("atomic cut by UDP", "SHORT_PAYLOAD", lambda b: lengths(good(b, atomic(b.direct)), 71, 51)),
    Drop("EVICT cut by UDP", "SHORT_PAYLOAD", lambda b: lengths(good(b, Verb(Op.EVICT, coh=Coh(0))), 71, 51)),
    Drop("answer cut by UDP", "SHORT_PAYLOAD", lambda b: lengths(frame(Verb(Op.ACKNOWLEDGE), M1), 44, 24), 5),
    Drop("READ of nothing", "BAD_SEGMENT", lambda b: good(b, read(b.direct, 0))),
    Drop("READ over a segment", "BAD_SEGMENT", lambda b: good(b, read(b.direct, 1025))),
    Drop("READ of 4 GiB", "BAD_SEGMENT", lambda b: good(b, read(b.direct + 1, 0xFFFFFFFF))),
    Drop("READ across a boundary", "BAD_SEGMENT", lambda b: good(b, read(b.direct + 1000, 64))),
    Drop("WRITE across a boundary", "BAD_SEGMENT", lambda b: write(b, 2, 2, 1023)),
    Drop(
        "GET_SHARED of a part",
        "BAD_SEGMENT",
        lambda b: good(b, replace(read(b.region.base, 512), op=Op.GET_SHARED)),
    ),
    Drop(
        "GET_SHARED of nothing", "BAD_SEGMENT", lambda b: good(b, replace(read(b.region.base, 0), op=Op.GET_SHARED))
    ),
    Drop("PUSH of a part", "BAD_SEGMENT", lambda b: push(b, 512, 512)),
    Drop("atomic off its word", "BAD_SEGMENT", lambda b: good(b, atomic(b.direct + 4))),
    Drop("SEND", "UNKNOWN_OPCODE", lambda b: good(b, Verb(0x04))),
    Drop(
        "READ response from a compute blade",
        "UNKNOWN_OPCODE",
        lambda b: good(b, Verb(Op.READ_RESPONSE, aeth=Aeth(0))),
    ),
    Drop("INVALIDATE from a compute blade", "UNKNOWN_OPCODE", lambda b: good(b, Verb(Op.INVALIDATE, coh=Coh(0)))),
    Drop("GRANT from a compute blade", "UNKNOWN_OPCODE", lambda b: good(b, Verb(Op.GRANT, coh=Coh(0)))),
    Drop("READ from a memory blade", "UNKNOWN_OPCODE", lambda b: frame(read(b.direct), M1), 5),
    Drop("RoCE from an unknown port", "UNKNOWN_PORT", good, STRANGER),
    Drop("RoCE to a memory blade", "NOT_FOR_RACK", lambda b: to(read(b.direct), M1.ip, M1.mac)),
    Drop("RoCE to a compute blade", "NOT_FOR_RACK", lambda b: to(read(b.direct), HOSTS[2].ip, HOSTS[2].mac)),
    Drop("answer to no blade", "UNKNOWN_BLADE", sized(Verb(Op.ACKNOWLEDGE, 9 << 16, aeth=Aeth(0)), M1), 5),
    Drop("unknown MAC address", "UNKNOWN_HOST", lambda _: bytes.fromhex("02aabbccddee") + bytes(50)),
    Drop("INVALIDATE_ACK outside", "NO_REGION", lambda b: good(b, Verb(Op.INVALIDATE_ACK, coh=Coh(b.direct)))),
    Drop(
        "PUSH_EMPTY outside",
        "NO_REGION",
        lambda b: good(b, Verb(Op.PUSH_EMPTY, reth=Reth(b.direct, DOMAIN, 1024), coh=Coh(b.direct))),
    ),
)


def counted(bench: Bench, before: dict[str, int]) -> dict[str, int]:
    after = bench.reasons()
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


@pytest.mark.parametrize("case", DROPS, ids=lambda case: case.name)
def test_dropped_and_counted(bench: Bench, case: Drop) -> None:
    bench.set_entry(Directory("M", frozenset({0})))
    before = bench.reasons()
    assert bench.raw(case.port, case.make(bench)) == {}
    expected = {case.reason: 1}
    if case.port == STRANGER:  # the barrier's second frame has no known address either
        expected["UNKNOWN_HOST"] = 1
    assert counted(bench, before) == expected


IDLE = Directory("I")


@dataclass(frozen=True)
class Refusal:
    """A verb that must come back with a syndrome and count under `reason`."""

    name: str
    reason: str
    syndrome: int
    make: Callable[[Bench], Verb]
    entry: Directory = IDLE


def gets(op: Op, va: int, domain: int = DOMAIN, length: int = 1024) -> Verb:
    return Verb(op, 5, 100, reth=Reth(va, domain, length), payload=bytes(length))


BUSY = Directory("MM_D", frozenset({1}), requester=2, page=0)
REFUSALS = (
    Refusal("no memory blade there", "NO_ADDRESS", ACCESS, lambda b: read(NOWHERE)),
    Refusal("atomic, no memory blade there", "NO_ADDRESS", ACCESS, lambda b: atomic(NOWHERE)),
    Refusal("GET, no memory blade there", "NO_ADDRESS", ACCESS, lambda b: gets(Op.GET_SHARED, NOWHERE)),
    Refusal("READ by another domain", "NO_RIGHT", ACCESS, lambda b: read(b.direct, domain=1)),
    Refusal("READ behind the range", "NO_RIGHT", ACCESS, lambda b: read(b.direct + (1 << 16))),
    Refusal(
        "atomic by another domain",
        "NO_RIGHT",
        ACCESS,
        lambda b: replace(atomic(b.direct), atomic=Atomic(b.direct, 1, 1, 0)),
    ),
    Refusal(
        "WRITE by another domain",
        "NO_RIGHT",
        ACCESS,
        lambda b: Verb(Op.WRITE, 5, 1, reth=Reth(b.direct, 1, 64), payload=DATA),
    ),
    Refusal("GET_SHARED by another domain", "NO_RIGHT", ACCESS, lambda b: gets(Op.GET_SHARED, b.region.base, 1)),
    Refusal("GET_MODIFIED by a reader", "NO_RIGHT", ACCESS, lambda b: gets(Op.GET_MODIFIED, b.region.base, READER)),
    Refusal("UPGRADE by a reader", "NO_RIGHT", ACCESS, lambda b: gets(Op.GET_MODIFIED, b.region.base, READER, 0)),
    Refusal(
        "GET_SHARED behind a reader's range",
        "NO_RIGHT",
        ACCESS,
        lambda b: gets(Op.GET_SHARED, b.second.base, READER),
    ),
    Refusal("GET_SHARED of direct memory", "NOT_COHERENT", INVALID, lambda b: gets(Op.GET_SHARED, b.direct)),
    Refusal("GET_MODIFIED of direct memory", "NOT_COHERENT", INVALID, lambda b: gets(Op.GET_MODIFIED, b.direct)),
    Refusal("EVICT of direct memory", "NOT_COHERENT", INVALID, lambda b: Verb(Op.EVICT, 6, 3, coh=Coh(b.direct))),
    Refusal("RESET of direct memory", "NOT_COHERENT", INVALID, lambda b: Verb(Op.RESET, 6, 3, coh=Coh(b.direct))),
    Refusal(
        "PUSH to direct memory",
        "NOT_COHERENT",
        INVALID,
        lambda b: replace(gets(Op.PUSH, b.direct), coh=Coh(b.direct)),
    ),
    Refusal("READ of a region", "NOT_DIRECT", INVALID, lambda b: read(b.region.base)),
    Refusal("atomic in a region", "NOT_DIRECT", INVALID, lambda b: atomic(b.region.base)),
    Refusal(
        "WRITE of no owner",
        "NOT_DIRECT",
        INVALID,
        lambda b: gets(Op.WRITE, b.region.base),
        Directory("S", frozenset({0})),
    ),
    Refusal(
        "PUSH to nobody",
        "STALE_PUSH",
        INVALID,
        lambda b: replace(gets(Op.PUSH, b.region.base), coh=Coh(b.region.base)),
    ),
    Refusal("a transaction is under way", "BUSY", RNR, lambda b: gets(Op.GET_SHARED, b.region.base), BUSY),
    Refusal("UPGRADE of nothing", "LOST_COPY", RNR, lambda b: gets(Op.GET_MODIFIED, b.region.base, DOMAIN, 0)),
    Refusal("the region is locked", "LOCKED", RNR, lambda b: gets(Op.GET_SHARED, b.region.base), Directory("L")),
)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_refused_and_counted(bench: Bench, case: Refusal) -> None:
    bench.set_entry(case.entry)
    before = bench.reasons()
    verb = case.make(bench)
    answer = Verb(Op.ACKNOWLEDGE, verb.qp, verb.psn, aeth=Aeth(case.syndrome))
    assert bench.send(1, verb) == [Output(1, answer)]
    assert bench.entry() == case.entry
    assert counted(bench, before) == {case.reason: 1}


UNCARRIED = (
    ("STALE_ACK", Verb(Op.INVALIDATE_ACK, coh=Coh(0, version=9)), Directory("I")),
    ("STALE_PUSH_EMPTY", Verb(Op.PUSH_EMPTY, reth=Reth(0, DOMAIN, 1024), coh=Coh(0)), Directory("I")),
    ("AWAITS_PUSH", gets(Op.GET_SHARED, 1024), Directory("MS_D", frozenset({1}), requester=0)),
)


@pytest.mark.parametrize(("reason", "verb", "entry"), UNCARRIED, ids=lambda value: str(value)[:24])
def test_of_no_use_to_the_directory(bench: Bench, reason: str, verb: Verb, entry: Directory) -> None:
    base = bench.region.base
    verb = replace(
        verb,
        reth=verb.reth and replace(verb.reth, va=base + verb.reth.va),
        coh=verb.coh and replace(verb.coh, va=base),
    )
    bench.set_entry(entry)
    before = bench.reasons()
    assert bench.send(1, verb) == []
    assert counted(bench, before) == {reason: 1}


@pytest.mark.parametrize(
    "fields",
    [{"operation": 9}, {"operation": 0}, {"operation": 2, "slot": 32768}, {"operation": 2, "slot": 0xFFFFFFFF}],
    ids=str,
)
def test_bad_packet_out(bench: Bench, fields: dict[str, int]) -> None:
    before = bench.reasons()
    bench.packet_out(bytes(64), **fields)
    assert bench.cables.collect(1) == {}
    assert counted(bench, before) == {"BAD_PACKET_OUT": 1}


def test_recall_outside_every_region(bench: Bench) -> None:
    before = bench.reasons()
    bench.packet_out(bytes(64), operation=3, va=bench.direct)
    assert bench.cables.collect(1) == {}
    assert counted(bench, before) == {"NO_REGION": 1}


def test_packet_out_leaves_as_it_is(bench: Bench) -> None:
    data = bytes.fromhex("020000000002 020000000001 88b6") + b"hello" * 12
    bench.packet_out(data, operation=1, port=2)
    assert bench.cables.collect(1) == {2: [data]}


def test_udp_checksum_of_a_request_is_cleared(bench: Bench) -> None:
    verb = read(bench.direct)
    packet = Ether(src=C1.mac, dst=RACK_MAC) / IP(src=C1.ip, dst=RACK_IP) / UDP(sport=1, dport=4791)
    for layer in verb.headers():
        packet /= layer
    packet /= Raw(bytes(4))
    assert UDP(bytes(packet[UDP])).chksum != 0
    (output,) = bench.send_frame(1, bytes(packet))
    assert output.port == 6
