"""The protobuf wire format, as far as batches need it: where messages lie in bytes, without decoding them."""

from __future__ import annotations

from collections.abc import Iterator

from rackplane.switch.errors import RequestError, invalid

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_UPDATES_TAG = 0x22  # field 4 of p4r.WriteRequest


def split_write_request(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return a serialized p4r.WriteRequest without its updates, and the serialized updates; INVALID_ARGUMENT."""
    updates: list[bytes] = []
    rest: list[bytes] = []
    at, end = 0, len(data)
    try:
        while at < end:
            if data[at] == _UPDATES_TAG:
                size, start = data[at + 1], at + 2
                if size >= 0x80:
                    size, start = _varint(data, at + 1)
                after = start + size
                updates.append(data[start:after])
            else:
                after = _skip(data, at)
                rest.append(data[at:after])
            at = after
    except IndexError:
        raise _truncated() from None
    if at != end:
        raise _truncated()
    return b"".join(rest), updates


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
