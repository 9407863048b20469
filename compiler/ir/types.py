"""Types, with explicit widths."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bits:
    """bit<width>, int<width> (signed), bool (width 1, is_bool), an enum or an error (plain bits)."""

    width: int
    signed: bool = False
    is_bool: bool = False


BOOL = Bits(1, is_bool=True)
BIT32 = Bits(32)


@dataclass(frozen=True)
class Varbit:
    """varbit<max_width>: up to max_width bits; the current length is kept beside the value."""

    max_width: int


@dataclass(frozen=True)
class Field:
    """A member of a header, struct or union."""

    name: str
    type: Type


@dataclass(frozen=True)
class Header:
    """A header type: fields in wire order, and a validity bit kept beside it."""

    name: str
    fields: tuple[Field, ...]

    @property
    def fixed_width(self) -> int:
        """The width in bits without varbit fields."""
        return sum(f.type.width for f in self.fields if isinstance(f.type, Bits))


@dataclass(frozen=True)
class Struct:
    """A struct, or a tuple or list whose members are named f0, f1, ..."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Union:
    """A header_union: at most one member is valid."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Stack:
    """A header stack (element: Header or Union) of `size` elements, with a next index."""

    element: Header | Union
    size: int


Type = Bits | Varbit | Header | Struct | Union | Stack
