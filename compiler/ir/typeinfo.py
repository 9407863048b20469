"""What the control plane is told of types: the type specifications of P4Info (p4.config.v1, p4types.proto)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rackplane.compiler.ir.source import Annotation


class SpecKind(Enum):
    """The kinds of types that are known by a name."""

    STRUCT = "struct"
    HEADER = "header"
    UNION = "header_union"
    ENUM = "enum"
    SERIALIZABLE_ENUM = "serializable_enum"
    NEW_TYPE = "new_type"


@dataclass(frozen=True)
class NamedSpec:
    """A type by its name; Pipeline.type_info has its definition."""

    kind: SpecKind
    name: str


@dataclass(frozen=True)
class BitSpec:
    """bit<width>, int<width> (signed) or varbit<width> (varying)."""

    width: int
    signed: bool = False
    varying: bool = False


@dataclass(frozen=True)
class BoolSpec:
    """bool."""


@dataclass(frozen=True)
class ErrorSpec:
    """error; its members are Pipeline.errors."""


@dataclass(frozen=True)
class TupleSpec:
    """tuple<members>."""

    members: tuple[TypeSpec, ...]


@dataclass(frozen=True)
class StackSpec:
    """element[size], of headers or header unions."""

    element: NamedSpec
    size: int


TypeSpec = NamedSpec | BitSpec | BoolSpec | ErrorSpec | TupleSpec | StackSpec


@dataclass(frozen=True)
class Members:
    """The members of a struct, header or header union; structs inside headers are spread into dotted names."""

    members: tuple[tuple[str, TypeSpec], ...]


@dataclass(frozen=True)
class Enumerators:
    """The members of an enum with their values; `width` is that of the underlying type, if it has one."""

    members: tuple[tuple[str, int], ...]
    width: int | None = None


@dataclass(frozen=True)
class Translation:
    """@p4runtime_translation(uri, type): `width` in bits of what the control plane gives, None for a string."""

    uri: str
    width: int | None


@dataclass(frozen=True)
class NewType:
    """type <original> name."""

    original: TypeSpec
    translation: Translation | None = None
    annotations: tuple[Annotation, ...] = ()


TypeDefinition = Members | Enumerators | NewType
