"""The headers, constants and enums of a P4 file, as the codec writers need them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rackplane.compiler import ir
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.frontend import load

_PROGRAM = """
#include <core.p4>
#include <v1model.p4>
{include}
struct rackplane_nothing_t {{}}
parser RackplaneParser(packet_in p, out rackplane_nothing_t h, inout rackplane_nothing_t m,
                       inout standard_metadata_t s) {{
    state start {{ transition accept; }}
}}
control RackplaneVerify(inout rackplane_nothing_t h, inout rackplane_nothing_t m) {{ apply {{}} }}
control RackplanePipe(inout rackplane_nothing_t h, inout rackplane_nothing_t m, inout standard_metadata_t s) {{
    apply {{}}
}}
control RackplaneDeparser(packet_out p, in rackplane_nothing_t h) {{ apply {{}} }}
V1Switch(RackplaneParser(), RackplaneVerify(), RackplanePipe(), RackplanePipe(), RackplaneVerify(),
         RackplaneDeparser()) main;
"""


@dataclass(frozen=True)
class WireField:
    """A field: its name, its width, and the bits of the header in front of it."""

    name: str
    width: int
    offset: int


@dataclass(frozen=True)
class WireHeader:
    """A header of whole bytes."""

    name: str
    fields: tuple[WireField, ...]
    size: int

    @property
    def base(self) -> str:
        """The name without P4's customary _t."""
        return self.name.removesuffix("_t")


@dataclass(frozen=True)
class WireConstant:
    """A constant of `width` bits."""

    name: str
    value: int
    width: int

    @property
    def text(self) -> str:
        """The value in C and Python: small numbers as they are, others with the digits of their width."""
        return str(self.value) if self.value < 10 else f"0x{self.value:0{(self.width + 3) // 4}X}"


@dataclass(frozen=True)
class WireEnum:
    """An enum and its members with their values on the wire."""

    name: str
    members: tuple[tuple[str, int], ...]

    @property
    def digits(self) -> int:
        """Hexadecimal digits that show any member."""
        return max(2, *(len(f"{value:X}") for _, value in self.members))


@dataclass(frozen=True)
class WireFormat:
    """What a P4 file declares, in its order. `source` is the file's name without its folder."""

    source: str
    headers: tuple[WireHeader, ...]
    constants: tuple[WireConstant, ...]
    enums: tuple[WireEnum, ...]


def read(path: Path, include_dirs: Sequence[Path] = ()) -> WireFormat:
    """Read a P4 file that declares headers; it needs no pipeline of its own.

    Raises:
        CompileErrors: when it is wrong, or has a header that is not of whole bytes or has a varbit field.
    """
    quoted = str(path.resolve())
    if '"' in quoted or "\n" in quoted:
        raise CompileErrors.at(f"{path}: the name has a character that an #include cannot hold")
    bare = _load("", include_dirs)
    full = _load(f'#include "{quoted}"', include_dirs)
    headers = [
        wire_header(t)
        for name, t in full.type_names.items()
        if isinstance(t, ir.Header) and name not in bare.type_names
    ]
    constants = [
        WireConstant(name, value, kind.width)
        for name, (value, kind) in full.constants.items()
        if name not in bare.constants
    ]
    enums = [WireEnum(name, members) for name, members in full.enums.items() if name not in bare.enums]
    return WireFormat(path.name, tuple(headers), tuple(constants), tuple(enums))


def _load(include: str, include_dirs: Sequence[Path]) -> ir.Pipeline:
    with tempfile.TemporaryDirectory(prefix="rackplane-") as folder:
        program = Path(folder, "headers.p4")
        program.write_text(_PROGRAM.format(include=include), encoding="utf-8")
        return load(program, include_dirs)


def wire_header(header: ir.Header) -> WireHeader:
    """A header with its fields placed.

    Raises:
        CompileErrors: when it has a varbit field or is not of whole bytes.
    """
    fields, offset = [], 0
    for field in header.fields:
        if not isinstance(field.type, ir.Bits):
            raise CompileErrors.at(
                f"header {header.name}: {field.name} has no fixed width, so there is no codec for it"
            )
        fields.append(WireField(field.name, field.type.width, offset))
        offset += field.type.width
    if offset % 8:
        raise CompileErrors.at(f"header {header.name} has {offset} bits; a codec needs whole bytes")
    return WireHeader(header.name, tuple(fields), offset // 8)


def camel_case(name: str) -> str:
    """A class name: atomic_eth -> AtomicEth."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def snake_case(name: str) -> str:
    """A C name: MyOpcode -> my_opcode."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
