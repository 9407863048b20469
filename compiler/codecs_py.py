"""A Python module for wire headers: a frozen dataclass per header with its form on the wire."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from string import Template

from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.wireformat import WireEnum, WireField, WireFormat, WireHeader, camel_case

_RESERVED = {"NAME", "SIZE", "WIDTHS", "pack", "unpack", "self", "cls"}
_HEAD = Template('''\
"""Wire headers, emitted from $source. Do not edit.

A header is a frozen dataclass of unsigned integers; `pack` and `unpack` are its form on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
${enum_import}from typing import ClassVar, Self
''')
_BASE = '''

class HeaderError(ValueError):
    """A field does not fit its width, or there are too few bytes for a header."""


@dataclass(frozen=True)
class Header:
    """The base of all headers. WIDTHS: bits of each field, in order; SIZE: bytes of the header."""

    NAME: ClassVar[str] = "header"
    SIZE: ClassVar[int] = 0
    WIDTHS: ClassVar[tuple[int, ...]] = ()

    def pack(self) -> bytes:
        """The header on the wire. Raises HeaderError for a field out of range."""
        packed = 0
        for field, width in zip(fields(self), self.WIDTHS, strict=True):
            value = getattr(self, field.name)
            if not 0 <= value < 1 << width:
                raise HeaderError(f"{self.NAME}.{field.name} has {width} bits; {value} does not fit")
            packed = packed << width | value
        return packed.to_bytes(self.SIZE, "big")

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> Self:
        """The header at the start of `data`. Raises HeaderError when that is too short."""
        if len(data) < cls.SIZE:
            raise HeaderError(f"{cls.NAME} has {cls.SIZE} bytes, not {len(data)}")
        packed = int.from_bytes(data[: cls.SIZE], "big")
        values = []
        for width in reversed(cls.WIDTHS):
            values.append(packed & (1 << width) - 1)
            packed >>= width
        return cls(*reversed(values))
'''


def render(wire: WireFormat) -> str:
    """The text of the module, formatted as ruff formats it."""
    enum_import = "from enum import IntEnum\n" if wire.enums else ""
    parts = [_HEAD.substitute(source=wire.source, enum_import=enum_import)]
    if wire.constants:
        parts.append("\n" + "".join(f"{_checked(c.name)} = {c.text}\n" for c in wire.constants))
    parts += ["\n".join(_enum(e)) for e in wire.enums]
    parts.append(_BASE)
    parts += ["\n".join(_header(h)) for h in wire.headers]
    return "".join(parts)


def _checked(name: str) -> str:
    if keyword.iskeyword(name) or name in _RESERVED or name.startswith("__"):
        raise CompileErrors.at(f"{name} cannot be a name in Python; give the P4 field or constant another one")
    return name


def _enum(enum: WireEnum) -> Iterator[str]:
    yield f"\n\nclass {camel_case(enum.name)}(IntEnum):"
    yield f'    """The members of enum {enum.name}."""\n'
    for name, value in enum.members:
        yield f"    {_checked(name)} = 0x{value:0{enum.digits}X}"
    yield ""


def _header(header: WireHeader) -> Iterator[str]:
    yield "\n\n@dataclass(frozen=True)"
    yield f"class {camel_case(header.base)}(Header):"
    yield f'    """header {header.name}: {header.size} bytes."""\n'
    yield f'    NAME: ClassVar[str] = "{header.name}"'
    yield f"    SIZE: ClassVar[int] = {header.size}"
    if len(header.fields) == 1:
        yield f"    WIDTHS: ClassVar[tuple[int, ...]] = ({header.fields[0].width},)\n"
    else:
        yield "    WIDTHS: ClassVar[tuple[int, ...]] = ("
        yield from (f"        {f.width}," for f in header.fields)
        yield "    )\n"
    yield from (f"    {_field(f)}: int = 0" for f in header.fields)
    yield ""


def _field(field: WireField) -> str:
    return _checked(field.name)
