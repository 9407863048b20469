"""What a traced program can report: its sites, each with its P4 place and the values that an event of it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from rackplane.compiler import ir
from rackplane.compiler.backend.layout import HeaderLayout


class SiteKind(Enum):
    """What an event says. The values that it has are in parentheses."""

    STATE = "state"
    EXTRACT = "extract"  # (the header)
    ADVANCE = "advance"  # (bits)
    SELECT = "select"  # (keys)
    PARSED = "parsed"  # (parser error)
    IF = "if"
    CASE = "case"
    TABLE = "table"  # (keys)
    ACTION = "action"  # (parameters)
    HIT = "hit"  # (whether)
    CALL = "call"  # (arguments)
    RESULT = "result"  # (what a call returned)
    ASSIGN = "assign"  # (the new value)
    VALIDITY = "validity"
    SHIFT = "shift"
    EXIT = "exit"
    DECISION = "decision"  # (egress_spec, mcast_grp), after ingress; (egress_spec) after egress
    FINAL = "final"  # (a header as it goes to the deparser)


@dataclass(frozen=True)
class HeaderField:
    """A field of a header: its bit offset and width, and for a varbit its offset alone (width 0)."""

    name: str
    offset: int
    width: int
    signed: bool = False


@dataclass(frozen=True)
class HeaderShape:
    """A header that the packet can have: its path (`ipv4`, `mpls[0]`), fixed bytes, and largest varbit in bytes."""

    path: str
    type_name: str
    size: int
    fields: tuple[HeaderField, ...]
    varbit_before: int = 0
    varbit_size: int = 0


@dataclass(frozen=True)
class Value:
    """One value of an event: a number of `width` bits, or header number `header` (or one after it, of a stack)."""

    name: str
    width: int = 0
    signed: bool = False
    header: int = -1


@dataclass(frozen=True)
class Site:
    """A place in the program that makes events."""

    kind: SiteKind
    block: str
    name: str
    span: ir.Span
    values: tuple[Value, ...] = ()
    detail: str = ""


@dataclass
class TraceSites:
    """All sites of a traced program, by number, and the headers that its events name by number."""

    headers: tuple[HeaderShape, ...]
    sites: list[Site] = field(default_factory=list)
    largest: int = 0
    """The most bytes that one event takes."""

    def add(self, site: Site) -> int:
        """Number a site."""
        self.sites.append(site)
        return len(self.sites) - 1


def shape(path: str, kind: ir.Header, layout: HeaderLayout) -> HeaderShape:
    """Describe a header."""
    fields = []
    for f in kind.fields:
        if isinstance(f.type, ir.Bits):
            fields.append(HeaderField(f.name, layout.offsets[f.name], f.type.width, f.type.signed))
        elif layout.varbit:
            fields.append(HeaderField(f.name, 8 * layout.varbit.before, 0))
    varbit = layout.varbit
    return HeaderShape(
        path,
        kind.name,
        layout.size,
        tuple(fields),
        varbit.before if varbit else 0,
        varbit.max_size if varbit else 0,
    )
