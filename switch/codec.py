"""P4Runtime's binary strings (specification, section "Bytestrings"): canonical form and range checks.

Canonical is the shortest big-endian string that holds the value; any longer one is accepted on input.
"""

from __future__ import annotations

from rackplane.switch.errors import Code, RequestError


def encode(value: int) -> bytes:
    """Return the canonical string of an unsigned value."""
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")


def encode_signed(value: int) -> bytes:
    """Return the canonical string of an int<W> value: two's complement, as few bytes as hold its sign."""
    bits = value.bit_length() + 1 if value >= 0 else (value + 1).bit_length() + 1
    return value.to_bytes((bits + 7) // 8, "big", signed=True)


def decode(data: bytes, width: int, what: str) -> int:
    """Return the value of a bit<width> string; OUT_OF_RANGE names `what` when it is empty or too wide."""
    value = int.from_bytes(data, "big")
    if not data or value >> width:
        raise out_of_range(data, width, what)
    return value


def decode_signed(data: bytes, width: int, what: str) -> int:
    """Return the value of an int<width> string; OUT_OF_RANGE names `what` when it is empty or does not fit."""
    value = int.from_bytes(data, "big", signed=True)
    if not data or not -(1 << (width - 1)) <= value < 1 << (width - 1):
        raise out_of_range(data, width, what)
    return value


def is_canonical(data: bytes) -> bool:
    """Whether an unsigned value's string is as short as it can be."""
    return len(data) == 1 or data[:1] != b"\0"


def out_of_range(data: bytes, width: int, what: str) -> RequestError:
    """Say why a string does not fit."""
    if not data:
        return RequestError(Code.OUT_OF_RANGE, f"{what} is an empty byte string; zero is written as one zero byte")
    return RequestError(Code.OUT_OF_RANGE, f"{what} is 0x{data[:64].hex()}, which does not fit into {width} bits")
