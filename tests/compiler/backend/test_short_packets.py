"""Packets shorter than any Ethernet frame, behind bytes that are no part of them."""

from __future__ import annotations

from pathlib import Path

import bpf_harness as bpf
import pytest

from rackplane.compiler.driver import compile_with_lead

pytestmark = pytest.mark.root

PROGRAMS = Path(__file__).parent / "p4"
LEAD = bytes(16)


def sent_back(program: str, packet: bytes) -> bytes:
    with bpf.Loaded(compile_with_lead(PROGRAMS / program, lead_bytes=len(LEAD))) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(0)
        result = loaded.run(LEAD + packet)
        assert result.action == bpf.XDP_REDIRECT
        return result.packet[len(LEAD) :]


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"\x01", b"\x02"),
        (b"\x01more", b"\x02more"),
        (b"\x02", b"\x03\xaa\xbb"),
        (b"\x03\x11\x22rest", b"\x04rest"),
        (b"\x03\x11", b"\x04\x11"),
        (b"", b""),
    ],
)
def test_headers_change_size_below_ethernet(sent: bytes, received: bytes) -> None:
    assert sent_back("short.p4", sent) == received


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("00 01 02 03 04", "00 a1 b1 03 04"),
        ("01 01 02 03 04", "01 a2a2 b1 04"),
        ("02 01 02 03 04", "02 a1 b2b2 04"),
        ("03 01 02 03 04", "03 a2a2 b2b2"),
        ("04 01 02 03 04", "ee a1 b1 03 04"),
    ],
)
def test_next_moves_on_when_a_member_of_it_is_extracted(sent: str, received: str) -> None:
    assert sent_back("unions.p4", bytes.fromhex(sent)) == bytes.fromhex(received)
