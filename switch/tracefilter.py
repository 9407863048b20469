"""Which packets are traced: a port, and conditions on header fields as they were parsed, tested in the kernel.

    ipv4.dst_addr == 10.0.0.0/8 && udp.dst_port != 53 && tcp.window >= 1000 && vlan.isValid()

Conditions are joined by &&. A field is written without `hdr.`; a header that the packet does not have fails every
condition on it. Values are numbers (decimal, 0x, 0b), MAC, IPv4 and IPv6 addresses, with /LENGTH for a prefix or
&&& MASK. At most TESTS tests fit; a field of more than 8 bytes takes several.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from rackplane.compiler.backend.tracesites import HeaderField, HeaderShape
from rackplane.switch.errors import SwitchError

TESTS = 16
_MAX_TEXT = 4096
_CONTROL = struct.Struct("<QIIII")
_TEST = struct.Struct("<IIIIQQQ")
_WINDOW = 8
_CONDITION = re.compile(r"\s*(?P<field>[\w.\[\]]+?)\s*(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>\S+(?:\s*&&&\s*\S+)?)\s*")
_VALID = re.compile(r"\s*(?P<header>[\w.\[\]]+)\.isValid\(\)\s*")
_MAC = re.compile(r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}")


@dataclass(frozen=True)
class Test:
    """The bits `mask` of the 8 bytes at `byte` of header number `header` are within low .. high, or not."""

    header: int
    byte: int
    mask: int
    low: int
    high: int
    negate: bool = False


class FilterError(SwitchError):
    """A filter is malformed, or names what the program does not have."""


def parse(text: str, headers: tuple[HeaderShape, ...]) -> tuple[Test, ...]:
    """The tests of a filter. Raises FilterError."""
    if len(text) > _MAX_TEXT:
        raise FilterError(f"a filter of {len(text)} characters; at most {_MAX_TEXT} are taken")
    if not text.strip():
        return ()
    tests: list[Test] = []
    for part in re.split(r"(?<!&)&&(?!&)", text):
        tests += _condition(part, headers)
    if len(tests) > TESTS:
        raise FilterError(f"the filter takes {len(tests)} tests; {TESTS} fit: leave some conditions out")
    return tuple(tests)


def control(tests: tuple[Test, ...], port: int | None, dropped_only: bool) -> bytes:
    """What goes to the control memory of a trace (struct trace_control)."""
    head = _CONTROL.pack(0, 0 if port is None else port + 1, int(dropped_only), len(tests), 0)
    return head + b"".join(_TEST.pack(t.header, t.byte, int(t.negate), 0, t.mask, t.low, t.high) for t in tests)


def lost(memory: bytes) -> int:
    """How many packets were asked for and did not fit into the ring."""
    return int.from_bytes(memory[:8], "little")


def _condition(text: str, headers: tuple[HeaderShape, ...]) -> Iterator[Test]:
    valid = _VALID.fullmatch(text)
    if valid:
        yield Test(_header(valid["header"], headers), 0, 0, 0, 0)
        return
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise FilterError(
            f"cannot read the condition {text.strip()!r}: write FIELD == VALUE (or != < <= > >=), or "
            "HEADER.isValid()"
        )
    path, _, name = match["field"].rpartition(".")
    number = _header(path, headers)
    field = _field(headers[number], name)
    value, mask = _value(match["value"], field)
    yield from _tests(number, field, match["op"], value, mask)


def _header(path: str, headers: tuple[HeaderShape, ...]) -> int:
    path = path.removeprefix("hdr.")
    for number, header in enumerate(headers):
        if header.path == path:
            return number
    names = ", ".join(h.path for h in headers)
    raise FilterError(f"the program has no header {path!r}; it has {names or 'none'}")


def _field(header: HeaderShape, name: str) -> HeaderField:
    for field in header.fields:
        if field.name == name and field.width:
            if header.varbit_size and field.offset >= 8 * header.varbit_before:
                raise FilterError(f"{header.path}.{name} comes after a varbit field, where a filter cannot look")
            return field
    names = ", ".join(f.name for f in header.fields if f.width)
    raise FilterError(f"header {header.path} has no field {name!r} of a fixed width; it has {names or 'none'}")


def _value(text: str, field: HeaderField) -> tuple[int, int]:
    """The value and the mask of the bits that count."""
    full = (1 << field.width) - 1
    if "&&&" in text:
        value_text, _, mask_text = text.partition("&&&")
        return _number(value_text.strip(), field), _number(mask_text.strip(), field)
    if "/" in text:
        value_text, _, length = text.partition("/")
        if not length.isdigit() or int(length) > field.width:
            raise FilterError(f"{text}: the prefix length of field {field.name} is 0 to {field.width}")
        return _number(value_text, field), full & ~((1 << (field.width - int(length))) - 1)
    return _number(text, field), full


def _number(text: str, field: HeaderField) -> int:
    try:
        value = _parse(text)
    except (ValueError, AddressValueError) as e:
        raise FilterError(f"{text!r} is no value of field {field.name}: write a number or an address") from e
    if value >> field.width:
        raise FilterError(f"{text} does not fit field {field.name}, which has {field.width} bits")
    return value


def _parse(text: str) -> int:
    if _MAC.fullmatch(text):
        return int("".join(part.zfill(2) for part in text.split(":")), 16)
    if ":" in text:
        return int(IPv6Address(text))
    if text.count(".") == 3:
        return int(IPv4Address(text))
    value = int(text, 0)
    if value < 0:
        raise ValueError("negative")
    return value


def _tests(header: int, field: HeaderField, op: str, value: int, mask: int) -> Iterator[Test]:
    """The tests of one comparison. Only == can be cut into several."""
    windows = list(_windows(field))
    if op == "==":
        for byte, shift, bits in windows:
            part = _place(mask, shift, bits)
            yield Test(header, byte, part, _place(value & mask, shift, bits), _place(value & mask, shift, bits))
        return
    full = (1 << field.width) - 1
    if len(windows) > 1 or (op != "!=" and mask != full):
        raise FilterError(
            f"{op} is for fields of up to 57 bits, without mask; field {field.name} can be compared by =="
        )
    byte, shift, bits = windows[0]
    low, high, negate = _bounds(op, value & mask, full)
    if low > high:
        raise FilterError(f"no packet has {field.name} {op} {value}")
    yield Test(header, byte, _place(mask, shift, bits), _place(low, shift, bits), _place(high, shift, bits), negate)


def _bounds(op: str, value: int, full: int) -> tuple[int, int, bool]:
    if op == "!=":
        return value, value, True
    low, high = {"<": (0, value - 1), "<=": (0, value), ">": (value + 1, full), ">=": (value, full)}[op]
    return low, high, False


def _windows(field: HeaderField) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """(byte, shift, (low, width)): the field's bits low .. low + width - 1, `shift` bits up in 8 bytes."""
    left = field.width
    offset = field.offset
    while left > 0:
        byte = offset // 8
        width = min(left, 8 * (byte + _WINDOW) - offset)
        yield byte, 8 * (byte + _WINDOW) - offset - width, (left - width, width)
        left -= width
        offset += width


def _place(value: int, shift: int, bits: tuple[int, int]) -> int:
    low, width = bits
    return (value >> low & ((1 << width) - 1)) << shift
