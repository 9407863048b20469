"""The frames of hashes.p4, and BMv2's hashes of their fields."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

WIDTHS = {"dst": 48, "src": 48, "type": 16, "a": 3, "b": 13, "c": 7, "d": 33, "pick": 8,
          "base": 64, "limit": 64, "result": 64, "wide": 72, "crc32": 32, "csum16": 16, "crc16": 16}  # fmt: skip
MORE = {"e": 24, "f": 40}
_OFFSETS = {name: sum(list(WIDTHS.values())[:n]) for n, name in enumerate(WIDTHS)}


@dataclass(frozen=True)
class Frame:
    """Values of fields; those of `more` count only in frames of type 1."""

    fields: dict[str, int]

    def encode(self) -> bytes:
        """The frame."""
        text = _bits([(self.fields.get(name, 0), width) for name, width in (WIDTHS | MORE).items()])
        return text.ljust(96, b"\0")

    def hashed(self) -> bytes:
        """The fields that are hashed, one after the other, zeros at the end."""
        f, more = self.fields, self.fields["type"] == 1
        parts = [("a", 3), ("b", 13), ("e", 24), ("c", 7), ("d", 33), ("f", 40), ("src", 48)]
        values = [(f.get(name, 0), width) for name, width in parts if more or name not in MORE]
        return _bits([*values, (7, 4)])


def decode(frame: bytes, name: str) -> int:
    """A field of a frame."""
    after = 8 * len(frame) - _OFFSETS[name] - WIDTHS[name]
    return int.from_bytes(frame, "big") >> after & ((1 << WIDTHS[name]) - 1)


def _bits(values: list[tuple[int, int]]) -> bytes:
    number = size = 0
    for value, width in values:
        number, size = number << width | value, size + width
    count = (size + 7) // 8
    return (number << (8 * count - size)).to_bytes(count, "big")


def crc16(data: bytes) -> int:
    """CRC-16/ARC."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def words(data: bytes) -> list[int]:
    """16-bit words, the last one filled up with zeros."""
    padded = data + bytes(len(data) % 2)
    return [int.from_bytes(padded[n : n + 2], "big") for n in range(0, len(padded), 2)]


def csum16(data: bytes) -> int:
    """The internet checksum."""
    total = sum(words(data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def xor16(data: bytes) -> int:
    """All words, exclusive-or."""
    value = 0
    for word in words(data):
        value ^= word
    return value


def identity(data: bytes) -> int:
    """The first eight bytes as a number."""
    return int.from_bytes(data[:8], "big")


ALGORITHMS: list[Callable[[bytes], int]] = [zlib.crc32, zlib.crc32, crc16, crc16, identity, csum16, xor16]
