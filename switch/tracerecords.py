"""Reading the records of traced programs (compiler/backend/runtime/trace.h, tracepoints.py). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rackplane.compiler.backend.tracepoints import HEAD, header_size, number_size, padded
from rackplane.compiler.backend.tracesites import HeaderShape, Site, TraceSites, Value

LIMIT = 16384
CONTINUES = 64
_BROADCAST = 0xFFFFFFFF
_HEAD = struct.Struct("<QQQIIIiII")
_EVENT = struct.Struct("<Q")
_HEADER = struct.Struct("<BxHI")


@dataclass(frozen=True)
class HeaderValue:
    """A header of a packet: its fields by name; a varbit's value is bytes."""

    path: str
    type_name: str
    valid: bool
    fields: dict[str, int | bytes]
    widths: dict[str, int]


@dataclass(frozen=True)
class Event:
    """Something that a packet met: its site, and the values in the order of the site's."""

    site: Site
    values: tuple[int | HeaderValue, ...]


@dataclass(frozen=True)
class Record:
    """One run of the program: of a packet from a port, or of what an earlier run (`parent`) made of one.

    `port` is where the packet came in, or where a copy goes out; None when the interface was no port. `action` is
    the XDP action, CONTINUES, or a negative drop reason. `sent` is the port that the frame is redirected to;
    `copied` says that it is redirected to a group, or to the loop port. `time` is in ns of the monotonic clock.
    `overflow`: the packet met so much that its events are lost.
    """

    id: int
    parent: int
    time: int
    port: int | None
    length: int
    action: int
    sent: int | None
    copied: bool
    events: tuple[Event, ...]
    overflow: bool


class MalformedRecordError(ValueError):
    """The bytes are not a record of this program."""


def decode(data: bytes, sites: TraceSites) -> Record:
    """Read a record. Raises MalformedRecordError."""
    try:
        number, parent, time, used, port, length, action, sent, _ = _HEAD.unpack_from(data)
        events = () if used > LIMIT else tuple(_events(data[_HEAD.size + 8 : _HEAD.size + used], sites))
    except (struct.error, IndexError) as e:
        raise MalformedRecordError(f"a trace record of {len(data)} bytes is malformed: {e}") from e
    return Record(
        id=number,
        parent=parent,
        time=time,
        port=port - 1 if port else None,
        length=length,
        action=action,
        sent=sent - 1 if 0 < sent < _BROADCAST else None,
        copied=sent == _BROADCAST,
        events=events,
        overflow=used > LIMIT,
    )


def _events(data: bytes, sites: TraceSites) -> Iterator[Event]:
    at = 0
    while at < len(data):
        site = sites.sites[_EVENT.unpack_from(data, at)[0]]
        at += _EVENT.size
        values: list[int | HeaderValue] = []
        for value in site.values:
            if value.width:
                size = number_size(value.width)
                values.append(_number(data[at : at + size], size, value))
            else:
                header, size = _header(data[at:], sites, value)
                values.append(header)
            at += size
        yield Event(site, tuple(values))


def _number(data: bytes, size: int, value: Value) -> int:
    if len(data) != size:
        raise IndexError(f"{value.name} ends early")
    number = int.from_bytes(data, "little")
    if value.signed and number >> (value.width - 1) & 1:
        number -= 1 << value.width
    return number


def _header(data: bytes, sites: TraceSites, value: Value) -> tuple[HeaderValue, int]:
    valid, varbit_size, element = _HEADER.unpack_from(data)
    shape = sites.headers[value.header + element]
    size = header_size(shape.size, shape.varbit_size)
    fixed = data[HEAD : HEAD + shape.size]
    start = HEAD + padded(shape.size)
    varbit = data[start : start + min(varbit_size, shape.varbit_size)]
    widths = {f.name: f.width for f in shape.fields}
    return HeaderValue(shape.path, shape.type_name, bool(valid), fields_of(shape, fixed, varbit), widths), size


def fields_of(shape: HeaderShape, fixed: bytes, varbit: bytes) -> dict[str, int | bytes]:
    """The fields of a header in wire order; `fixed` are its bytes without the varbit's."""
    whole = int.from_bytes(fixed, "big")
    total = 8 * len(fixed)
    found: dict[str, int | bytes] = {}
    for f in shape.fields:
        if not f.width:
            found[f.name] = varbit
            continue
        number = whole >> (total - f.offset - f.width) & ((1 << f.width) - 1)
        found[f.name] = number - (1 << f.width) if f.signed and number >> (f.width - 1) else number
    return found
