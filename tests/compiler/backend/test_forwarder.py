"""A compiled IPv4 forwarder on real packets in the kernel."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import bpf_harness as bpf
import ir_programs as programs
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from rackplane.compiler.build import compile_pipeline
from rackplane.compiler.bundle import Bundle

pytestmark = pytest.mark.root

ROUTER = "02:00:00:00:00:01"
NEXT_HOP = 0x020000000105


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compile_pipeline(programs.forwarder())[0]


@pytest.fixture
def switch(bundle: Bundle) -> Iterator[bpf.Loaded]:
    with bpf.Loaded(bundle) as loaded:
        loaded.set_port(bpf.LOOPBACK, 3)
        loaded.insert("ipv4_lpm", [(0x0A000100, 24)], "forward", mac=NEXT_HOP, port=5)
        loaded.insert("ipv4_lpm", [(0x0A000107, 32)], "forward", mac=NEXT_HOP + 1, port=6)
        yield loaded


def ipv4(destination: str) -> bytes:
    return bytes(
        Ether(dst=ROUTER, src="02:00:00:00:00:02") / IP(src="10.0.0.1", dst=destination, ttl=64) / UDP() / b"hello"
    )


@pytest.mark.parametrize(
    ("destination", "port"), [("10.0.1.1", 5), ("10.0.1.7", 6), ("10.0.2.1", None), ("10.0.1.255", 5)]
)
def test_longest_prefix_decides(switch: bpf.Loaded, destination: str, port: int | None) -> None:
    assert bpf.where(switch, ipv4(destination)) == port


def test_packet_is_rewritten(switch: bpf.Loaded) -> None:
    switch.open_ports(5)
    sent = ipv4("10.0.1.1")
    result = switch.run(sent)
    assert result.action == bpf.XDP_REDIRECT
    expected = Ether(sent)
    expected.src, expected.dst = ROUTER, "02:00:00:00:01:05"
    expected[IP].ttl = 63
    del expected[IP].chksum
    assert result.packet == bytes(expected)


@pytest.mark.parametrize("size", [0, 1, 13, 20, 33])
def test_truncated_packets_are_dropped(switch: bpf.Loaded, size: int) -> None:
    sent = ipv4("10.0.1.1")[: max(size, 14)]
    assert switch.run(sent).action == bpf.XDP_DROP


def test_default_action_can_be_changed(switch: bpf.Loaded) -> None:
    assert bpf.where(switch, ipv4("10.9.9.9")) is None
    switch.set_default("ipv4_lpm", "forward", mac=1, port=7)
    assert bpf.where(switch, ipv4("10.9.9.9")) == 7


def test_drops_are_counted_by_reason(switch: bpf.Loaded) -> None:
    switch.run(ipv4("10.0.2.1"))
    switch.run(ipv4("10.0.1.1"))
    assert switch.drops() == {"the program dropped it": 1, "its egress port has no interface": 1}
    switch.memory(switch.manifest.maps.ports, 8)[2:4] = struct.pack("=H", 0)
    assert switch.run(ipv4("10.0.1.1")).action == bpf.XDP_DROP
    assert switch.drops()["it came from an interface that is no switch port"] == 1
