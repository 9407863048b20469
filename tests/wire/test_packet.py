"""Frames: what requests look like to scapy, and which frames are answers."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.contrib.roce import AETH, BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from rackplane.wire.errors import PacketError
from rackplane.wire.generated.rack_headers import HeaderError, Opcode, Syndrome
from rackplane.wire.packet import (
    RACK,
    Addressing,
    Answer,
    Endpoint,
    Request,
    ipv4_checksum,
    parse_answer,
    request_frame,
)

OWN = Endpoint(0x0200_0000_0001, IPv4Address("10.0.0.1"))
ADDRESSING = Addressing(own=OWN, peer=RACK, queue_pair=0x1234, rkey=7, source_port=50000)
VA = 0x0123_4567_89AB_CDE8
RETH_64 = VA.to_bytes(8, "big") + (7).to_bytes(4, "big") + (64).to_bytes(4, "big")
RETH_129 = RETH_64[:12] + (129).to_bytes(4, "big")
RETH_3 = RETH_64[:12] + (3).to_bytes(4, "big")
ATOMIC = VA.to_bytes(8, "big") + (7).to_bytes(4, "big") + (5).to_bytes(8, "big")


@pytest.mark.parametrize(
    ("request_", "rest"),
    [
        (Request(Opcode.RDMA_READ_REQUEST, VA, 64), RETH_64),
        (Request(Opcode.RDMA_READ_REQUEST, VA, 129), RETH_129 + bytes(129)),
        (Request(Opcode.RDMA_WRITE_ONLY, VA, 3, data=b"abc"), RETH_3 + b"abc"),
        (Request(Opcode.FETCH_ADD, VA, 8, operand=5), ATOMIC + bytes(8)),
        (Request(Opcode.COMPARE_SWAP, VA, 8, operand=5, compare=9), ATOMIC + (9).to_bytes(8, "big")),
    ],
    ids=["read", "padded read", "write", "fetch and add", "compare and swap"],
)
def test_request_as_scapy_reads_it(request_: Request, rest: bytes) -> None:
    frame = Ether(request_frame(ADDRESSING, 0xABCDEF, request_))
    assert (frame.src, frame.dst) == ("02:00:00:00:00:01", "02:00:00:00:ff:fe")
    assert (frame[IP].src, frame[IP].dst, frame[IP].len) == ("10.0.0.1", "10.0.255.254", len(frame) - 14)
    assert (frame[UDP].sport, frame[UDP].dport, frame[UDP].chksum) == (50000, 4791, 0)
    assert frame[UDP].len == len(frame) - 34
    assert (frame[BTH].opcode, frame[BTH].dqpn, frame[BTH].psn) == (request_.opcode, 0x1234, 0xABCDEF)
    assert (frame[BTH].version, frame[BTH].pkey, frame[BTH].ackreq) == (0, 0xFFFF, 1)
    assert bytes(frame)[54:] == rest + bytes(4)
    rebuilt = frame[IP].copy()
    del rebuilt.chksum
    assert frame[IP].chksum == IP(bytes(rebuilt)).chksum


def answer_frame(opcode: int, body: bytes, *, syndrome: int = 0, pad: int = 0, dport: int = 4791) -> bytes:
    bth = BTH(opcode=opcode, padcount=pad, dqpn=0x1234, psn=0xABCDEF)
    headers = Ether(src="02:00:00:00:ff:fe", dst="02:00:00:00:00:01") / IP(src="10.0.255.254", dst="10.0.0.1")
    rest = bytes(bth)[:12] + bytes(AETH(syndrome=syndrome))[:4] + body + bytes(4)
    return bytes(headers / UDP(sport=4791, dport=dport, chksum=0) / Raw(rest))


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (answer_frame(0x10, b"data"), Answer(0x1234, 0xABCDEF, 0x10, 0, data=b"data")),
        (answer_frame(0x10, b"dat\0", pad=1), Answer(0x1234, 0xABCDEF, 0x10, 0, data=b"dat")),
        (answer_frame(0x10, b"data") + bytes(9), Answer(0x1234, 0xABCDEF, 0x10, 0, data=b"data")),
        (answer_frame(0x11, b"", syndrome=0x62), Answer(0x1234, 0xABCDEF, 0x11, Syndrome.NAK_REMOTE_ACCESS)),
        (answer_frame(0x12, (1 << 63).to_bytes(8, "big")), Answer(0x1234, 0xABCDEF, 0x12, 0, original=1 << 63)),
    ],
    ids=["data", "padded data", "longer frame", "refusal", "atomic"],
)
def test_answers(frame: bytes, answer: Answer) -> None:
    assert parse_answer(frame) == answer


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(60),
        answer_frame(0x10, b"data", dport=4790),
        answer_frame(0x0A, b"a request"),
        answer_frame(0xC2, b"another protocol's"),
        answer_frame(0x10, b"")[:53],
    ],
    ids=["empty", "no IPv4", "another port", "request", "coherence", "no room for BTH"],
)
def test_what_is_no_answer_is_left_to_others(frame: bytes) -> None:
    assert parse_answer(frame) is None


def flipped(frame: bytes, at: int) -> bytes:
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]


@pytest.mark.parametrize(
    "frame",
    [
        answer_frame(0x10, b"data")[:-1],
        flipped(answer_frame(0x10, b"data"), 14 + 3),
        flipped(answer_frame(0x10, b"data"), 14 + 12),
        flipped(answer_frame(0x10, b"data"), 34 + 5),
        answer_frame(0x12, b"short"),
    ],
    ids=["cut", "IP length", "IP address", "UDP length", "short atomic"],
)
def test_malformed_answers(frame: bytes) -> None:
    with pytest.raises(PacketError):
        parse_answer(frame)


def test_checksum_of_a_header_with_its_checksum_is_zero() -> None:
    header = bytes(IP(src="10.0.0.1", dst="10.0.1.2", len=77))
    assert ipv4_checksum(header) == 0
    assert ipv4_checksum(header[:10] + bytes(2) + header[12:]) == int.from_bytes(header[10:12], "big")


def test_a_number_out_of_range_is_an_error() -> None:
    with pytest.raises(HeaderError, match=r"reth_t.va has 64 bits"):
        request_frame(ADDRESSING, 0, Request(Opcode.RDMA_READ_REQUEST, 1 << 64, 8))
