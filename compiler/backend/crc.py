"""Tables of the reflected CRCs that generated programs use."""

from __future__ import annotations

from collections.abc import Callable


def reflected_table(polynomial: int) -> list[int]:
    """The byte-wise table of a CRC whose bit-reversed polynomial is given."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table


def crc32_table() -> list[int]:
    """CRC-32 as in Ethernet: polynomial 0x04c11db7."""
    return reflected_table(0xEDB88320)


def crc16_table() -> list[int]:
    """CRC-16/ARC: polynomial 0x8005."""
    return reflected_table(0xA001)


TABLES: dict[str, Callable[[], list[int]]] = {"crc32": crc32_table, "crc16": crc16_table}
