"""Packets as the C library writes and reads them, against a codec made from headers.p4."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_size_t, c_uint32, c_uint64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_core import CoherenceStruct, MessageStruct
from rack_packets import (
    RACK_IP,
    RACK_MAC,
    WITH_AETH,
    WITH_ATOMIC,
    WITH_COHERENCE,
    WITH_RETH,
    Coherence,
    Ends,
    Opcode,
    Packet,
    decode,
    encode,
)

from rackplane.hosts.compute.library import load_library

OWN_MAC, OWN_IP = 0x020000000007, 0x0A000007


class EndpointsStruct(ctypes.Structure):
    _fields_ = (
        ("own_mac", c_uint64),
        ("rack_mac", c_uint64),
        ("own_address", c_uint32),
        ("rack_address", c_uint32),
    )


LIBRARY = load_library()
LIBRARY.message_parse.restype = c_bool
LIBRARY.message_parse.argtypes = (ctypes.c_char_p, c_size_t, POINTER(MessageStruct))
LIBRARY.message_build.restype = c_size_t
LIBRARY.message_build.argtypes = (POINTER(MessageStruct), POINTER(EndpointsStruct), ctypes.c_char_p)


def parsed(frame: bytes) -> MessageStruct | None:
    message = MessageStruct()
    return message if LIBRARY.message_parse(frame, len(frame), ctypes.byref(message)) else None


def uint(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


coherences = st.builds(
    Coherence,
    va=uint(64),
    page=uint(64),
    flags=uint(8),
    region_log2=uint(8),
    version=uint(16),
    requester=uint(8),
    peer_qp=uint(24),
    peer_psn=uint(24),
    false_pages=uint(8),
)


@st.composite
def packets(draw: st.DrawFn, opcodes: list[Opcode]) -> Packet:
    opcode = draw(st.sampled_from(opcodes))
    fields: dict[str, int] = {"qp": draw(uint(24)), "psn": draw(uint(24))}
    if opcode in WITH_RETH:
        fields |= {"va": draw(uint(64)), "rkey": draw(uint(32)), "length": draw(uint(32))}
    if opcode in WITH_ATOMIC:
        fields |= {"va": draw(uint(64)), "rkey": draw(uint(32))}
        fields |= {"swap_or_add": draw(uint(64)), "compare": draw(uint(64))}
    if opcode in WITH_AETH:
        fields |= {"syndrome": draw(uint(8)), "msn": draw(uint(24))}
    if opcode == Opcode.ATOMIC_ACKNOWLEDGE:
        fields["original"] = draw(uint(64))
    coherence = draw(coherences) if opcode in WITH_COHERENCE else Coherence()
    payload = draw(st.binary(max_size=1024)) if opcode not in WITH_ATOMIC | WITH_AETH else b""
    return Packet(opcode, coherence=coherence, payload=payload, **fields)


FROM_RACK = Ends(RACK_MAC, OWN_MAC, RACK_IP, OWN_IP)


@given(packets(list(Opcode)))
def test_parse(packet: Packet) -> None:
    frame = encode(packet, FROM_RACK)  # the payload points into it
    message = parsed(frame)
    assert message is not None
    names = ["opcode", "qp", "psn", "va", "rkey", "length", "swap_or_add", "compare", "original", "syndrome"]
    assert {name: getattr(message, name) for name in names} == {name: getattr(packet, name) for name in names}
    answer = message.answer
    msn = answer.region_log2 << 19 | answer.pending << 18 | answer.permission << 16 | answer.version
    assert msn == packet.msn
    coherence = {name: getattr(message.coherence, name) for name, _ in CoherenceStruct._fields_}
    assert Coherence(**coherence) == packet.coherence
    assert ctypes.string_at(message.payload, message.payload_length) == packet.payload


@given(packets([opcode for opcode in Opcode if opcode not in WITH_AETH]))
def test_build(packet: Packet) -> None:
    names = ["opcode", "qp", "psn", "va", "rkey", "length", "swap_or_add", "compare"]
    message = MessageStruct(**{name: getattr(packet, name) for name in names})
    for name, _ in CoherenceStruct._fields_:
        setattr(message.coherence, name, getattr(packet.coherence, name))
    message.payload_length = len(packet.payload)
    buffer = ctypes.create_string_buffer(256)
    ends = EndpointsStruct(OWN_MAC, RACK_MAC, OWN_IP, RACK_IP)
    length = LIBRARY.message_build(ctypes.byref(message), ctypes.byref(ends), buffer)
    frame = buffer.raw[:length] + packet.payload + bytes(4)
    assert decode(frame) == packet
    assert frame[:12] == RACK_MAC.to_bytes(6, "big") + OWN_MAC.to_bytes(6, "big")


GOOD = encode(Packet(Opcode.RDMA_READ_RESPONSE_ONLY, qp=1, psn=2, payload=bytes(64)), FROM_RACK)

SHORT = encode(Packet(Opcode.ACKNOWLEDGE, qp=1, psn=2), FROM_RACK)


def changed(at: int, *values: int) -> bytes:
    return GOOD[:at] + bytes(values) + GOOD[at + len(values) :]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[:53], id="ends in a header"),
        pytest.param(GOOD[:-1], id="shorter than its IPv4 length"),
        pytest.param(changed(12, 0x86, 0xDD), id="no IPv4"),
        pytest.param(changed(14, 0x46), id="IPv4 options"),
        pytest.param(changed(20, 0x20, 0x00), id="more fragments"),
        pytest.param(changed(20, 0x00, 0x01), id="a later fragment"),
        pytest.param(changed(23, 6), id="TCP"),
        pytest.param(changed(36, 0x00, 0x01), id="another port"),
        pytest.param(changed(38, 0x00, 0x17), id="UDP length below its headers"),
        pytest.param(changed(38, 0xFF, 0xFF), id="UDP length beyond the frame"),
        pytest.param(changed(42, 0xFF), id="unknown opcode"),
        pytest.param(changed(43, 0x0F), id="another version of BTH"),
        pytest.param(SHORT[:42] + b"\xc4" + SHORT[43:], id="a datagram without room for its headers"),
        pytest.param(
            encode(Packet(Opcode.RDMA_READ_RESPONSE_ONLY, payload=bytes(1025)), FROM_RACK), id="more than a segment"
        ),
    ],
)
def test_malformed(frame: bytes) -> None:
    assert parsed(frame) is None


def test_a_frame_may_be_longer_than_its_datagram() -> None:
    message = parsed(GOOD + bytes(100))
    assert message is not None
    assert message.payload_length == 64


@given(st.binary(max_size=1600))
def test_any_bytes(frame: bytes) -> None:
    parsed(frame)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_any_byte_changed(at: int, value: int) -> None:
    message = parsed(changed(at, value))
    assert message is None or message.payload_length <= 1024
