"""A captured frame as one line. Pure."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address

from rackplane.switch.pcapng import Direction, Packet

_IPV4, _IPV6, _VLAN = 0x800, 0x86DD, 0x8100
_PORTS = {6: "tcp", 17: "udp", 132: "sctp"}
_SHOWN_BYTES = 16


def frame_line(interface: str, packet: Packet) -> str:
    """Time, interface, direction, length, and what the frame says of itself as far as it is known."""
    seconds, ns = divmod(packet.time_ns, 1_000_000_000)
    clock = f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{ns:09d}"
    arrow = "->" if packet.direction is Direction.INBOUND else "<-"
    line = f"{clock} {arrow} {interface} {packet.length} B {_ethernet(packet.data)}"
    return f"{line}  [{packet.comment}]" if packet.comment else line


def _ethernet(data: bytes) -> str:
    if len(data) < 14:
        return data.hex()
    kind, at = int.from_bytes(data[12:14], "big"), 14
    if kind == _VLAN and len(data) >= 18:
        kind, at = int.from_bytes(data[16:18], "big"), 18
    if kind == _IPV4 and len(data) >= at + 20:
        return _ipv4(data[at:])
    if kind == _IPV6 and len(data) >= at + 40:
        inner = data[at:]
        ends = IPv6Address(inner[8:24]), IPv6Address(inner[24:40])
        return _transport(inner[6], inner[40:], (str(ends[0]), str(ends[1])))
    return f"{data[6:12].hex(':')} > {data[:6].hex(':')} type {kind:#06x} {data[at : at + _SHOWN_BYTES].hex()}"


def _ipv4(data: bytes) -> str:
    head = 4 * (data[0] & 15)
    return _transport(data[9], data[head:], (str(IPv4Address(data[12:16])), str(IPv4Address(data[16:20]))))


def _transport(protocol: int, data: bytes, ends: tuple[str, str]) -> str:
    source, target = ends
    if protocol in _PORTS and len(data) >= 4:
        ports = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        return f"{source}:{ports[0]} > {target}:{ports[1]} {_PORTS[protocol]}"
    return f"{source} > {target} protocol {protocol}"
