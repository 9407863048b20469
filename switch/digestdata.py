"""Records of a digest -> P4Data, by the digest's type in the P4Info.

P4Runtime specification, "Representation of Arbitrary P4 Types".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from finsy.proto import p4d, p4i, p4t

from rackplane.compiler.manifest import DigestLayout
from rackplane.switch import codec
from rackplane.switch.errors import BundleError

MAX_DEPTH = 16

_Leaves = Iterator[int]
_Build = Callable[[_Leaves], p4d.P4Data]


class DigestCodec:
    """Decodes the records of one digest."""

    def __init__(self, layout: DigestLayout, info: p4i.Digest, types: p4t.P4TypeInfo) -> None:
        self._layout = layout
        shape = _Shape(layout, types)
        self._build = shape.of(info.type_spec, 0)
        shape.finish()

    def decode(self, record: bytes) -> p4d.P4Data:
        """Return what one record says."""
        return self._build(self._leaves(record))

    def _leaves(self, record: bytes) -> _Leaves:
        for field in self._layout.fields:
            yield int.from_bytes(record[field.offset : field.offset + field.size], "big")


class _Shape:
    """Walks a type, and gives each of its numbers the next leaf of the layout."""

    def __init__(self, layout: DigestLayout, types: p4t.P4TypeInfo) -> None:
        self._name = layout.name
        self._fields = iter(layout.fields)
        self._types = types

    def finish(self) -> None:
        """Refuse a type that has fewer numbers than the records."""
        if next(self._fields, None) is not None:
            raise self._misfit("has fewer members than its records")

    def of(self, spec: p4t.P4DataTypeSpec, depth: int) -> _Build:
        """Return what builds a value of a type; `depth` bounds types that contain themselves."""
        if depth > MAX_DEPTH:
            raise self._misfit(f"is nested deeper than {MAX_DEPTH}")
        kind = spec.WhichOneof("type_spec")
        if kind == "struct":
            return self._struct(spec.struct.name, depth)
        if kind == "tuple":
            return _tuple([self.of(member, depth + 1) for member in spec.tuple.members])
        if kind == "header":
            return self._header(spec.header.name)
        if kind == "new_type":
            new = self._types.new_types.get(spec.new_type.name)
            if new is not None and new.HasField("original_type"):
                return self.of(new.original_type, depth + 1)
        return self._leaf(kind or "bitstring", spec)

    def _struct(self, name: str, depth: int) -> _Build:
        if name not in self._types.structs:
            raise self._misfit(f"names the struct {name!r}, which it does not describe")
        members = [self.of(m.type_spec, depth + 1) for m in self._types.structs[name].members]

        def build(leaves: _Leaves) -> p4d.P4Data:
            return p4d.P4Data(struct=p4d.P4StructLike(members=[member(leaves) for member in members]))

        return build

    def _header(self, name: str) -> _Build:
        if name not in self._types.headers:
            raise self._misfit(f"names the header {name!r}, which it does not describe")
        members = [self._number() for _ in self._types.headers[name].members]

        def build(leaves: _Leaves) -> p4d.P4Data:
            return p4d.P4Data(header=p4d.P4Header(is_valid=True, bitstrings=[encode(leaves) for encode in members]))

        return build

    def _leaf(self, kind: str, spec: p4t.P4DataTypeSpec) -> _Build:
        encode = self._number()
        if kind == "bool":
            return lambda leaves: p4d.P4Data(bool=encode(leaves) != b"\0")
        if kind == "enum":
            enum = self._types.enums.get(spec.enum.name)
            names = [m.name for m in enum.members] if enum else []
            return lambda leaves: p4d.P4Data(enum=_named(names, encode(leaves)))
        if kind == "error":
            errors = list(self._types.error.members)
            return lambda leaves: p4d.P4Data(error=_named(errors, encode(leaves)))
        if kind == "serializable_enum":
            return lambda leaves: p4d.P4Data(enum_value=encode(leaves))
        return lambda leaves: p4d.P4Data(bitstring=encode(leaves))

    def _number(self) -> Callable[[_Leaves], bytes]:
        field = next(self._fields, None)
        if field is None:
            raise self._misfit("has more members than its records")
        if not field.signed:
            return lambda leaves: codec.encode(next(leaves))
        sign, modulus = 1 << (field.width - 1), 1 << field.width

        def signed(leaves: _Leaves) -> bytes:
            value = next(leaves)
            return codec.encode_signed(value - modulus if value & sign else value)

        return signed

    def _misfit(self, what: str) -> BundleError:
        return BundleError(f"the P4Info's type of digest {self._name} {what}")


def _tuple(members: list[_Build]) -> _Build:
    def build(leaves: _Leaves) -> p4d.P4Data:
        return p4d.P4Data(tuple=p4d.P4StructLike(members=[member(leaves) for member in members]))

    return build


def _named(names: list[str], value: bytes) -> str:
    """The member of an enum or of error; its number when there is none."""
    index = int.from_bytes(value, "big")
    return names[index] if index < len(names) else str(index)
