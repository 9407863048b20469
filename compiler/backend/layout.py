"""How P4 types are laid out in C: headers as raw wire bytes beside a validity byte, the rest as plain members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rackplane.compiler import ir
from rackplane.compiler.backend.access import storage_type
from rackplane.compiler.backend.ctext import identifier
from rackplane.compiler.errors import CompileErrors

MAX_WIDTH = 2048


@dataclass(frozen=True)
class VarbitLayout:
    """The varbit field of a header: its name, the fixed bytes in front of it, and its largest size in bytes."""

    name: str
    before: int
    max_size: int


@dataclass(frozen=True)
class HeaderLayout:
    """A header: bytes of its fixed part (fields without the varbit one), and each fixed field's bit offset."""

    c_name: str
    size: int
    offsets: dict[str, int]
    varbit: VarbitLayout | None

    @property
    def max_size(self) -> int:
        """The largest number of bytes that the header takes in a packet."""
        return self.size + (self.varbit.max_size if self.varbit else 0)


def header_layout(header: ir.Header, c_name: str, span: ir.Span = ir.NOWHERE) -> HeaderLayout:
    """Lay out a header; a varbit field has to begin and end at a byte."""
    offset = 0
    offsets: dict[str, int] = {}
    varbit: VarbitLayout | None = None
    for f in header.fields:
        if isinstance(f.type, ir.Bits):
            offsets[f.name] = offset
            offset += f.type.width
        elif isinstance(f.type, ir.Varbit) and varbit is None and offset % 8 == 0:
            varbit = VarbitLayout(f.name, offset // 8, (f.type.max_width + 7) // 8)
        else:
            message = f"field {f.name} of header {header.name}: the xdp target lays out bits, and one varbit field"
            raise CompileErrors.at(message, span, "a varbit field has to begin at a byte")
    return HeaderLayout(c_name, (offset + 7) // 8, offsets, varbit)


@dataclass
class TypeTable:
    """Gives each P4 type its C type, and collects the definitions in the order in which C needs them."""

    names: dict[ir.Type, str] = field(default_factory=dict)
    layouts: dict[ir.Header, HeaderLayout] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)

    def c_type(self, kind: ir.Type) -> str:
        """The C type that holds a value of this P4 type."""
        if isinstance(kind, ir.Bits):
            return self._scalar(kind)
        known = self.names.get(kind)
        if known is None:
            known = self.names[kind] = self._define(kind)
        return known

    def layout(self, header: ir.Header) -> HeaderLayout:
        """The layout of a header type."""
        self.c_type(header)
        return self.layouts[header]

    def shorten(self, kind: ir.Struct, names: frozenset[str]) -> None:
        """Give a struct only these members in C: the others are never named."""
        self.names[kind] = self._define(ir.Struct(kind.name, tuple(f for f in kind.fields if f.name in names)))

    def invalidate(self, lvalue: str, kind: ir.Type) -> Iterator[str]:
        """Statements that make every header in a value invalid and every stack empty, without clearing contents."""
        if isinstance(kind, ir.Header):
            yield f"{lvalue}.valid = 0;"
        elif isinstance(kind, ir.Stack):
            for n in range(kind.size):
                yield from self.invalidate(f"{lvalue}.e[{n}]", kind.element)
            yield f"{lvalue}.next = 0;"
        elif isinstance(kind, ir.Struct | ir.Union):
            for f in kind.fields:
                yield from self.invalidate(f"{lvalue}.f_{identifier(f.name)}", f.type)

    def size_of(self, kind: ir.Type) -> int:
        """About how many bytes a value of this type takes."""
        if isinstance(kind, ir.Bits):
            return max(1, (kind.width + 7) // 8)
        if isinstance(kind, ir.Header):
            return (self.layout(kind).max_size + 8) & ~7
        if isinstance(kind, ir.Stack):
            return kind.size * self.size_of(kind.element) + 4
        if isinstance(kind, ir.Varbit):
            return kind.max_width // 8 + 2
        return sum(self.size_of(f.type) for f in kind.fields)

    def _scalar(self, kind: ir.Bits) -> str:
        if kind.width > MAX_WIDTH:
            message = f"a value of {kind.width} bits: the xdp target computes with at most {MAX_WIDTH} bits"
            raise CompileErrors.at(message)
        return storage_type(kind.width)

    def _fresh(self, prefix: str, name: str) -> str:
        base = f"{prefix}_{identifier(name)}"
        taken = {n.split(" ", 1)[1] for n in self.names.values()}
        number, candidate = 1, base
        while candidate in taken:
            number += 1
            candidate = f"{base}_{number}"
        return candidate

    def _define(self, kind: ir.Header | ir.Struct | ir.Union | ir.Stack | ir.Varbit) -> str:
        if isinstance(kind, ir.Header):
            return self._define_header(kind)
        if isinstance(kind, ir.Varbit):
            return self._define_varbit(kind)
        if isinstance(kind, ir.Stack):
            element = self.c_type(kind.element)
            name = self._fresh("stack", f"{kind.element.name}_{kind.size}")
            body = [f"\t{element} e[{kind.size}];", "\tu32 next;"]
        else:
            name = self._fresh("struct" if isinstance(kind, ir.Struct) else "union", kind.name)
            body = [f"\t{self.c_type(f.type)} f_{identifier(f.name)};" for f in kind.fields]
        self.definitions.append("\n".join([f"struct {name} {{", *body, "};"]))
        return f"struct {name}"

    def _define_header(self, header: ir.Header) -> str:
        name = self._fresh("header", header.name)
        layout = header_layout(header, name)
        self.layouts[header] = layout
        body = [f"\tu8 b[{max(1, layout.size)}] ALIGNED;", "\tu8 valid;"]
        if layout.varbit:
            varbit = next(f.type for f in header.fields if isinstance(f.type, ir.Varbit))
            body.append(f"\t{self.c_type(varbit)} var;")
        self.definitions.append("\n".join([f"struct {name} {{", *body, "};"]))
        return f"struct {name}"

    def _define_varbit(self, kind: ir.Varbit) -> str:
        """`size` bytes of `v` are the value."""
        size = max(1, (kind.max_width + 7) // 8)
        name = self._fresh("varbit", str(size))
        self.definitions.append(f"struct {name} {{\n\tu8 v[{size}] ALIGNED;\n\tu16 size;\n}};")
        return f"struct {name}"
