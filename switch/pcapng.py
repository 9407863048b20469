"""Writing pcapng (draft-ietf-opsawg-pcapng): interfaces with names, ns timestamps, directions and comments."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_MAGIC, _ETHERNET, _UNKNOWN_LENGTH = 0x1A2B3C4D, 1, (1 << 64) - 1
_END, _COMMENT = 0, 1
_NAME, _DESCRIPTION, _RESOLUTION = 2, 3, 9
_FLAGS = 2
_APPLICATION = 4
_NANOSECONDS = b"\x09"


class Direction(IntEnum):
    """The way of a frame, as seen from the named interface; the values of the flags' lowest bits."""

    INBOUND = 1
    OUTBOUND = 2


@dataclass(frozen=True)
class Packet:
    """A frame: the number of its interface, ns since the epoch, its length on the link, the bytes kept."""

    interface: int
    time_ns: int
    length: int
    data: bytes
    direction: Direction
    comment: str = ""


class PcapngWriter:
    """Writes one section to a stream."""

    def __init__(self, stream: BinaryIO, application: str) -> None:
        self._stream = stream
        head = struct.pack("<IHHQ", _MAGIC, 1, 0, _UNKNOWN_LENGTH)
        self._block(_SECTION, head + _options((_APPLICATION, application.encode())))

    def interface(self, name: str, description: str, snap: int) -> None:
        """Declare the next interface; the first one is number 0."""
        options = _options(
            (_NAME, name.encode()), (_DESCRIPTION, description.encode()), (_RESOLUTION, _NANOSECONDS)
        )
        self._block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, snap) + options)

    def packet(self, packet: Packet) -> None:
        """Write a frame."""
        time_ns = packet.time_ns
        head = struct.pack(
            "<IIIII", packet.interface, time_ns >> 32, time_ns & 0xFFFFFFFF, len(packet.data), packet.length
        )
        options = [(_FLAGS, struct.pack("<I", packet.direction))]
        if packet.comment:
            options.append((_COMMENT, packet.comment.encode()))
        self._block(_PACKET, head + _padded(packet.data) + _options(*options))

    def flush(self) -> None:
        """Hand over what was written."""
        self._stream.flush()

    def _block(self, kind: int, body: bytes) -> None:
        size = struct.pack("<I", 12 + len(body))
        self._stream.write(struct.pack("<I", kind) + size + body + size)


def _options(*options: tuple[int, bytes]) -> bytes:
    parts = [struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options]
    return b"".join(parts) + struct.pack("<HH", _END, 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
