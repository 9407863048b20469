"""Places that can be read and written (their roots are variables), and expressions.

Expressions have no side effects; every operand is already of the width that the operator needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rackplane.compiler.ir.types import BIT32, BOOL, Bits, Type


@dataclass(frozen=True)
class Var:
    """A variable. Names are unique in the whole program; see Pipeline.variables for the well-known ones."""

    name: str
    type: Type


@dataclass(frozen=True)
class Member:
    """base.name of a header, struct or union."""

    base: Place
    name: str
    type: Type


@dataclass(frozen=True)
class Element:
    """stack[index]; out of range reads are zero and invalid, writes are ignored."""

    base: Place
    index: Expr
    type: Type


@dataclass(frozen=True)
class StackNext:
    """stack.next (parser only): using it past the end raises error.StackOutOfBounds."""

    base: Place
    type: Type


@dataclass(frozen=True)
class StackLast:
    """stack.last (parser only): using it on an empty stack raises error.StackOutOfBounds."""

    base: Place
    type: Type


@dataclass(frozen=True)
class Slice:
    """base[high:low] of a bits place or expression; as a place only the named bits are written."""

    base: Expr
    high: int
    low: int

    @property
    def type(self) -> Bits:
        """The slice's own type."""
        return Bits(self.high - self.low + 1)


Place = Var | Member | Element | StackNext | StackLast | Slice


class UnaryOp(Enum):
    """Unary operators."""

    NEGATE = "-"
    COMPLEMENT = "~"
    NOT = "!"


class BinaryOp(Enum):
    """Binary operators; && and || are short-circuit, |+| and |-| saturate."""

    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"
    SAT_ADD = "|+|"
    SAT_SUB = "|-|"
    AND = "&"
    OR = "|"
    XOR = "^"
    SHL = "<<"
    SHR = ">>"
    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LOGICAL_AND = "&&"
    LOGICAL_OR = "||"


@dataclass(frozen=True)
class Const:
    """A number; for signed types the two's complement value is held as a Python int that may be negative."""

    value: int
    type: Bits


@dataclass(frozen=True)
class Unary:
    """op operand."""

    op: UnaryOp
    operand: Expr
    type: Bits


@dataclass(frozen=True)
class Binary:
    """left op right. EQ and NE also compare headers, structs and stacks (both sides are then places)."""

    op: BinaryOp
    left: Expr
    right: Expr
    type: Bits


@dataclass(frozen=True)
class Concat:
    """left ++ right."""

    left: Expr
    right: Expr
    type: Bits


@dataclass(frozen=True)
class Cast:
    """(type) operand between bits, int and bool: truncation, zero or sign extension by the source's sign."""

    operand: Expr
    type: Bits


@dataclass(frozen=True)
class Mux:
    """condition ? then : otherwise."""

    condition: Expr
    then: Expr
    otherwise: Expr
    type: Bits


@dataclass(frozen=True)
class IsValid:
    """header.isValid(), or union.isValid() (any member)."""

    header: Place
    type: Bits = BOOL


@dataclass(frozen=True)
class StackIndex:
    """stack.lastIndex (next index - 1), or with `next` the raw next index, as bit<32>."""

    base: Place
    next: bool = False
    type: Bits = BIT32


@dataclass(frozen=True)
class Lookahead:
    """packet.lookahead<bit<width>>() in a parser, from bit `offset` after the cursor.

    Reading past the end raises error.PacketTooShort. A struct's lookahead is lowered to one per field.
    """

    type: Bits
    offset: int = 0


@dataclass(frozen=True)
class PacketLength:
    """packet.length(): bytes of the packet, as bit<32>."""

    type: Bits = BIT32


Expr = (
    Const
    | Unary
    | Binary
    | Concat
    | Cast
    | Mux
    | IsValid
    | StackIndex
    | Lookahead
    | PacketLength
    | Var
    | Member
    | Element
    | StackNext
    | StackLast
    | Slice
)
