"""Codecs read straight from headers.p4, for test doubles that must not share code with what they test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HEADERS = Path(__file__).resolve().parents[3] / "p4src" / "include" / "headers.p4"


@dataclass(frozen=True)
class HeaderLayout:
    """Names and widths in bits of a header's fields, first on the wire first."""

    fields: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        return sum(width for _, width in self.fields) // 8

    def pack(self, **values: int) -> bytes:
        unknown = values.keys() - {name for name, _ in self.fields}
        assert not unknown, f"no such fields: {unknown}"
        number = 0
        for name, width in self.fields:
            number = number << width | (values.get(name, 0) & (1 << width) - 1)
        return number.to_bytes(self.size, "big")

    def unpack(self, data: bytes) -> dict[str, int]:
        assert len(data) >= self.size, "short header"
        number = int.from_bytes(data[: self.size], "big")
        values = {}
        for name, width in reversed(self.fields):
            values[name] = number & (1 << width) - 1
            number >>= width
        return values


@cache
def _source() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADERS.read_text(), flags=re.S)


@cache
def _widths() -> dict[str, int]:
    widths = {name: int(width) for width, name in re.findall(r"typedef\s+bit<(\d+)>\s+(\w+)", _source())}
    widths |= {name: int(width) for width, name in re.findall(r"enum\s+bit<(\d+)>\s+(\w+)", _source())}
    return widths


@cache
def layout(name: str) -> HeaderLayout:
    body = re.search(rf"header\s+{name}\s*{{(.*?)}}", _source(), flags=re.S)
    assert body is not None, f"no header {name}"
    fields = []
    for kind, width, field in re.findall(r"(?:(\w+)|bit<(\d+)>)\s+(\w+);", body[1].replace("bit<", " bit<")):
        fields.append((field, int(width) if width else _widths()[kind]))
    return HeaderLayout(tuple(fields))


@cache
def constants(enum: str | None = None) -> dict[str, int]:
    """The members of an enum, or without a name the constants of the file."""
    if enum is None:
        found = re.findall(r"const\s+\w+(?:<\d+>)?\s+(\w+)\s*=\s*(\w+);", _source())
    else:
        body = re.search(rf"enum\s+bit<\d+>\s+{enum}\s*{{(.*?)}}", _source(), flags=re.S)
        assert body is not None, f"no enum {enum}"
        found = re.findall(r"(\w+)\s*=\s*(\w+)", body[1])
    return {name: int(value, 0) for name, value in found}
