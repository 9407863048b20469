"""What every program of p4src promises of a frame that it lets out, whatever came in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rackplane.compiler import ir

Rule = Callable[[bytes, bytes], str]
"""Takes the frame that came in and the one that goes out; returns what is wrong, or nothing."""

_TTL = 22
_METADATA = 4


def unchanged(before: bytes, after: bytes) -> str:
    """An Ethernet switch changes nothing; what is to be copied has XDP metadata in front of it."""
    return "" if after in (before, after[:_METADATA] + before) else "the frame was changed"


def routed(before: bytes, after: bytes) -> str:
    """A router changes the MAC addresses, the TTL and the checksum of IPv4, and nothing else."""
    if len(before) != len(after):
        return f"the frame of {len(before)} bytes has {len(after)}"
    if before[14] >> 4 != 4 or before[12:14] != b"\x08\x00":
        return "what is not IPv4 was routed"
    if before[_TTL] < 2 or after[_TTL] != before[_TTL] - 1:
        return f"the TTL {before[_TTL]} became {after[_TTL]}"
    if before[12:_TTL] != after[12:_TTL] or before[23:24] != after[23:24] or before[26:] != after[26:]:
        return "more than MAC addresses, TTL and checksum was changed"
    header = after[14 : 14 + 4 * (after[14] & 15)]
    return "" if _sum(header) == 0xFFFF else "the checksum is wrong"


@dataclass(frozen=True)
class Bounded:
    """A frame grows by at most what the deparser can emit."""

    growth: int

    def __call__(self, before: bytes, after: bytes) -> str:
        """Check the length."""
        if 14 <= len(after) <= len(before) + self.growth + _METADATA:
            return ""
        return f"the frame of {len(before)} bytes has {len(after)}"


def emitted_bytes(pipeline: ir.Pipeline) -> int:
    """Bytes of all headers that a program's deparser can emit."""
    emits = (s for s in pipeline.deparser.body if isinstance(s, ir.Emit))
    return sum(_bytes(emit.header.type) for emit in emits)


def _bytes(kind: ir.Type) -> int:
    if isinstance(kind, ir.Header):
        return (
            sum((f.type.max_width if isinstance(f.type, ir.Varbit) else _width(f.type)) for f in kind.fields) // 8
        )
    if isinstance(kind, ir.Struct):
        return sum(_bytes(f.type) for f in kind.fields)
    if isinstance(kind, ir.Union):
        return max(_bytes(f.type) for f in kind.fields)
    return kind.size * _bytes(kind.element) if isinstance(kind, ir.Stack) else 0


def _width(kind: ir.Type) -> int:
    return kind.width if isinstance(kind, ir.Bits) else 0


def _sum(data: bytes) -> int:
    total = sum(int.from_bytes(data[n : n + 2], "big") for n in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
