"""Values as people read them: addresses, decimal or hexadecimal numbers, by a format, a name and a width. Pure."""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import IPv4Address, IPv6Address


class Format(Enum):
    """How a value is written; the first four are those of P4Runtime's @format annotation."""

    MAC = "MAC_ADDRESS"
    IPV4 = "IPV4_ADDRESS"
    IPV6 = "IPV6_ADDRESS"
    HEX = "HEX_STRING"
    DECIMAL = "decimal"


_WIDTHS = {Format.MAC: 48, Format.IPV4: 32, Format.IPV6: 128}
_ADDRESS = re.compile(r"addr|ipv?[46]?$|^ip|_ip|mac|^(src|dst|source|destination|next_?hop|nhop|gateway)", re.I)
_ETHERNET = re.compile(r"mac|eth|addr|hop|^(src|dst|source|destination)", re.I)
_HEX = re.compile(r"type|checksum|csum|flags|mask|crc|cookie|magic|key|virtual_address|^va$", re.I)
_ANNOTATION = re.compile(r"@format\(\s*\"?(\w+)\"?\s*\)")
_DECIMAL_BITS = 16
_SMALL = 1 << 20


def format_of(name: str, width: int, annotations: tuple[str, ...] = ()) -> Format:
    """The format of a field: by its @format annotation, or else by what its name and width are used for."""
    for text in annotations:
        found = _ANNOTATION.search(text)
        known = next((f for f in Format if found and f.value == found[1]), None)
        if known is not None and _WIDTHS.get(known, width) == width:
            return known
    last = name.rsplit(".", 1)[-1]
    if width == _WIDTHS[Format.MAC] and _ETHERNET.search(last):
        return Format.MAC
    if width == _WIDTHS[Format.IPV4] and _ADDRESS.search(last):
        return Format.IPV4
    if width == _WIDTHS[Format.IPV6] and _ADDRESS.search(last):
        return Format.IPV6
    return Format.HEX if _HEX.search(last) and width > 1 else Format.DECIMAL


def readable(value: int | bytes, name: str = "", width: int = 0, annotations: tuple[str, ...] = ()) -> str:
    """One value."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}" if value else "empty"
    match format_of(name, width, annotations):
        case Format.MAC:
            return ":".join(f"{byte:02x}" for byte in (value & (1 << 48) - 1).to_bytes(6, "big"))
        case Format.IPV4:
            return str(IPv4Address(value & (1 << 32) - 1))
        case Format.IPV6:
            return str(IPv6Address(value & (1 << 128) - 1))
        case Format.HEX:
            return f"{value:#x}" if value >= 0 else str(value)
        case Format.DECIMAL:
            return str(value) if width <= _DECIMAL_BITS or abs(value) < _SMALL else f"{value:#x}"
