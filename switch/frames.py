"""Raw sockets that give whole Ethernet frames, as they were on the link."""

from __future__ import annotations

import socket
import struct

MAX_FRAME = 65535
_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_PACKET_IGNORE_OUTGOING = 23
_TP_STATUS_VLAN_VALID = 0x10
_TP_STATUS_VLAN_TPID_VALID = 0x40
_ETH_P_8021Q = 0x8100
_RECEIVE_BUFFER = 4 << 20
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35


def open_socket(interface: str) -> socket.socket:
    """Open a non-blocking raw socket on an interface that sees what arrives there, but not what it sends."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_ALL))
    opened.bind((interface, _ETH_P_ALL))
    opened.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    opened.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    return opened


def receive(opened: socket.socket) -> bytes:
    """Return the next frame, its VLAN tag in place; raise BlockingIOError when there is none at the moment."""
    data, ancillary, _, _ = opened.recvmsg(MAX_FRAME, socket.CMSG_SPACE(32))
    return _with_vlan_tag(data, ancillary)


def stamp(opened: socket.socket) -> None:
    """Let the kernel say when each frame arrived."""
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive_stamped(opened: socket.socket) -> tuple[bytes, int]:
    """Return the next frame and when it arrived, in ns since the epoch (0: unknown); raise BlockingIOError."""
    data, ancillary, _, _ = opened.recvmsg(MAX_FRAME, socket.CMSG_SPACE(32) + socket.CMSG_SPACE(16))
    when = next((v for level, kind, v in ancillary if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS)), b"")
    seconds, ns = struct.unpack("=qq", when) if len(when) == 16 else (0, 0)
    return _with_vlan_tag(data, ancillary), seconds * 1_000_000_000 + ns


def _with_vlan_tag(data: bytes, ancillary: list[tuple[int, int, bytes]]) -> bytes:
    """Put back the VLAN tag that the kernel takes off a received frame (struct tpacket_auxdata)."""
    for level, kind, value in ancillary:
        if (level, kind) != (_SOL_PACKET, _PACKET_AUXDATA) or len(value) < 20:
            continue
        status, _, _, _, _, tci, tpid = struct.unpack_from("=IIIHHHH", value)
        if status & _TP_STATUS_VLAN_VALID:
            protocol = tpid if status & _TP_STATUS_VLAN_TPID_VALID else _ETH_P_8021Q
            return data[:12] + struct.pack("!HH", protocol, tci) + data[12:]
    return data
