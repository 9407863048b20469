"""The protobuf wire format, as far as batches need it: where messages lie in bytes, without decoding them."""

from __future__ import annotations

import ctypes as ct
from array import array
from collections.abc import Iterator

from rackplane.switch import native
from rackplane.switch.errors import RequestError, invalid

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_UPDATES_TAG = 0x22  # field 4 of p4r.WriteRequest
_FOUND_AT_ONCE = 512


def split_write_request(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return a serialized p4r.WriteRequest without its updates, and the serialized updates; INVALID_ARGUMENT."""
    updates: list[bytes] = []
    rest: list[bytes] = []
    at, end = 0, len(data)
    try:
        while at < end:
            if data[at] == _UPDATES_TAG:
                after = _find_updates(data, at, updates)
            else:
                after = _skip(data, at)
                rest.append(data[at:after])
            at = after
    except IndexError:
        raise _truncated() from None
    if at != end:
        raise _truncated()
    return b"".join(rest), updates


def _find_updates(data: bytes, at: int, updates: list[bytes]) -> int:
    """Append updates that follow each other from `at` on, at least one (IndexError), and return where they end."""
    places = array("I", bytes(8 * _FOUND_AT_ONCE))
    start_of_data = ct.cast(ct.c_char_p(data), ct.c_void_p).value or 0
    find = native.library().find_updates
    count = find(start_of_data + at, len(data) - at, places.buffer_info()[0], _FOUND_AT_ONCE)
    if not count:
        size, start = _varint(data, at + 1)
        updates.append(data[start : start + size])
        return start + size
    starts, ends = places[: 2 * count : 2], places[1 : 2 * count : 2]
    updates += [data[at + start : at + end] for start, end in zip(starts, ends, strict=True)]
    return at + ends[-1]


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (field number, wire type, start and end of the content); a varint's content is its bytes."""
    at = start
    while at < end:
        tag, content = _varint(data, at)
        kind = tag & 7
        if kind == LENGTH:
            size, content = _varint(data, content)
            at = content + size
        elif kind == VARINT:
            _, at = _varint(data, content)
        else:
            at = content + (8 if kind == FIXED64 else 4)
        if at > end or kind not in (VARINT, FIXED64, LENGTH, FIXED32):
            raise _truncated()
        yield tag >> 3, kind, content, at


def varint(value: int) -> bytes:
    """Encode an unsigned number."""
    if value < 0x80:
        return bytes((value,))
    return bytes((value & 0x7F | 0x80,)) + varint(value >> 7)


def number(data: bytes, start: int) -> int:
    """Decode the varint at `start`."""
    return _varint(data, start)[0]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(_MAX_VARINT_BYTES):
        byte = data[at + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise _truncated()


def _skip(data: bytes, at: int) -> int:
    return next(fields(data, at, len(data)))[3]


def _truncated() -> RequestError:
    return invalid("the request is not a message: its bytes end too early or make no field")
