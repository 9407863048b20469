"""The C of traced programs: events into the buffer of backend/runtime/trace.h.

An event is a u64 site number and its values, each a multiple of 8 bytes: a number as little-endian 64-bit words,
the least significant first; a header as {u8 valid, u8 0, u16 varbit size, u32 element of its stack}, its fixed
bytes, and its varbit bytes, each part padded.
"""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.backend import places
from rackplane.compiler.backend.access import is_wide, words
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.ctext import CWriter, runtime
from rackplane.compiler.backend.exprs import expr, named, width_of
from rackplane.compiler.backend.layout import HeaderLayout
from rackplane.compiler.backend.structure import pieces_of
from rackplane.compiler.backend.tracesites import Site, SiteKind, TraceSites, Value

RING_BYTES = 4 << 20
HEAD = 8
_WORD = 64
_CALL_VALUES = 3


def padded(size: int) -> int:
    """Bytes rounded up to whole words."""
    return (size + 7) & ~7


def number_size(width: int) -> int:
    """Bytes of a number in an event."""
    return 8 * words(width)


def header_size(fixed: int, varbit: int) -> int:
    """Bytes of a header in an event."""
    return HEAD + padded(fixed) + padded(varbit)


def declare(fx: Fx) -> None:
    """The buffer, at the start of a block's function."""
    if fx.facts.trace is not None:
        fx.out.line("struct trace *trace = trace_buffer();")
        fx.out.line("if (!trace) return DROP_NO_ROOM;")


def begin(out: CWriter, trace: TraceSites | None, *, first: bool, copy: bool) -> None:
    """The start of an entry point: the first one that a packet meets, the one of copies that leave, or another."""
    if trace is not None:
        out.line(f"trace_begin(ctx, {int(first)}, {int(copy)});")


def end(out: CWriter, trace: TraceSites | None) -> None:
    """The end of an entry point, with its verdict in `action`."""
    if trace is not None:
        out.line("trace_end(ctx, action);")


def runtime_text(out: CWriter, trace: TraceSites | None) -> None:
    """trace.h, with what it needs to know."""
    if trace is not None:
        out.text(f"#define TRACE_HEADERS {1 << max(0, len(trace.headers) - 1).bit_length()}")
        out.text(f"#define TRACE_LARGEST {max(trace.largest, 8 + 8 * _CALL_VALUES)}")
        out.text(f"#define TRACE_RING_BYTES {RING_BYTES}")
        out.text(runtime("trace.h"))


def write(fx: Fx, stmt: ir.Trace) -> None:
    """An event with its values."""
    trace = _sites(fx)
    site = trace.sites[stmt.site]
    if all(0 < value.width <= _WORD for value in site.values) and len(site.values) <= _CALL_VALUES:
        _words(fx, stmt.site, [expr(fx, e) for e in stmt.values])
        return
    parts = [_part(fx, e, value) for e, value in zip(stmt.values, site.values, strict=True)]
    size = 8 + sum(p[0] for p in parts)
    _event(fx, stmt.site, size)
    at = 8
    for part_size, lines in parts:
        for line in lines:
            fx.out.line(line.replace("@", f"event + {at}").replace("#", f"place + {at}"))
        at += part_size


def parsed(fx: Fx) -> None:
    """The end of the parser: its error."""
    _plain(fx, Site(SiteKind.PARSED, fx.block, "parser_error", ir.NOWHERE, (Value("error", 32),)), ["error"])


def decided(fx: Fx) -> None:
    """The end of ingress or egress: where the packet shall go."""
    names = {"ingress": ("egress_spec", "mcast_grp"), "egress": ("egress_spec",)}.get(fx.block)
    if names is None or fx.facts.trace is None:
        return
    values = tuple(Value(name, 16) for name in names)
    site = Site(SiteKind.DECISION, fx.block, fx.block, ir.NOWHERE, values)
    _plain(fx, site, [f"phv->sm.f_{name}" for name in names])


def finals(fx: Fx) -> None:
    """Every header as the deparser gets it."""
    trace = fx.facts.trace
    if trace is None:
        return
    found = ir.Var("hdr", fx.facts.pipeline.headers)
    for place in _leaf_places(found):
        value = Value("", header=len([s for s in trace.sites if s.kind is SiteKind.FINAL]))
        number = trace.add(Site(SiteKind.FINAL, fx.block, trace.headers[value.header].path, ir.NOWHERE, (value,)))
        with fx.out.block():
            write(fx, ir.Trace(number, (place,)))


def _sites(fx: Fx) -> TraceSites:
    if fx.facts.trace is None:
        raise unsupported("a trace statement in a program that is not traced")
    return fx.facts.trace


def _plain(fx: Fx, site: Site, values: list[str]) -> None:
    """An event of C values."""
    if fx.facts.trace is None:
        return
    with fx.out.block():
        _words(fx, fx.facts.trace.add(site), values)


def _words(fx: Fx, site: int, values: list[str]) -> None:
    """An event of numbers that have one word each."""
    if not fx.locked:
        fx.out.line(f"trace_event{len(values)}({', '.join(['trace', str(site), *values])});")
        return
    _event(fx, site, 8 + 8 * len(values))
    for n, value in enumerate(values, start=1):
        fx.out.line(f"*(u64 *)(event + {8 * n}) = {value};")


def _event(fx: Fx, site: int, size: int) -> None:
    trace = _sites(fx)
    trace.largest = max(trace.largest, size)
    fx.out.line(f"const u64 place = trace_put(trace, {size}); u8 *event = trace->b + place;")
    fx.out.line(f"*(u64 *)event = {site};")


def _part(fx: Fx, e: ir.Expr, value: Value) -> tuple[int, list[str]]:
    """The bytes of one value, and the statements that store it at `@`, of which `#` is the offset."""
    if not isinstance(e.type, ir.Bits):
        return _header(fx, e, value)
    width = width_of(e)
    if is_wide(width):
        name = named(fx, e)
        return number_size(width), [f"*(u64 *)(@ + {8 * n}) = {name}.w[{n}];" for n in range(words(width))]
    return 8, [f"*(u64 *)(@) = {fx.out.temp('u64', expr(fx, e))};"]


def _header(fx: Fx, e: ir.Expr, value: Value) -> tuple[int, list[str]]:
    found = places.aggregate(fx, e, expr)
    if not isinstance(found.type, ir.Header):
        raise unsupported("a trace of something that is neither a number nor a header")
    layout = fx.types.layout(found.type)
    element = _element(fx, e)
    copy = _copies(found.lvalue, layout)
    size = header_size(layout.size, layout.varbit.max_size if layout.varbit else 0)
    lines = [f"*(u64 *)(@) = {found.lvalue}.valid | (u64){element} << 32;"]
    if layout.varbit:
        lines[0] = (
            f"*(u64 *)(@) = {found.lvalue}.valid | (u64){found.lvalue}.var.size << 16 | (u64){element} << 32;"
        )
    if value.header >= 0 and fx.block == "parser":
        lines.append(f"trace->headers[({value.header} + {element}) % TRACE_HEADERS] = # + {HEAD};")
    return size, [*lines, *copy]


def _copies(lvalue: str, layout: HeaderLayout) -> list[str]:
    lines = [_copy(f"{lvalue}.b", offset, size, HEAD) for offset, size in pieces_of(0, layout.size)]
    if layout.varbit:
        start = HEAD + padded(layout.size)
        lines += [_copy(f"{lvalue}.var.v", o, s, start) for o, s in pieces_of(0, layout.varbit.max_size)]
    return lines


def _copy(source: str, offset: int, size: int, start: int) -> str:
    kind = f"u{8 * size}"
    return f"*({kind} *)(@ + {start + offset}) = *(const {kind} *)({source} + {offset});"


def _element(fx: Fx, place: ir.Expr) -> str:
    """Which element of its stack a header is, when that is known at run time only."""
    while isinstance(place, ir.Member):
        place = place.base
    if isinstance(place, ir.StackLast):
        base = places.stack_of(fx, place.base, expr)[0]
        return fx.out.temp("u32", f"{base.lvalue}.next - 1")
    return "0"


def _leaf_places(place: ir.Place) -> list[ir.Place]:
    kind = place.type
    if isinstance(kind, ir.Header):
        return [place]
    if isinstance(kind, ir.Stack):
        elements = (ir.Element(place, ir.Const(n, ir.BIT32), kind.element) for n in range(kind.size))
        return [leaf for element in elements for leaf in _leaf_places(element)]
    if isinstance(kind, ir.Struct | ir.Union):
        return [leaf for f in kind.fields for leaf in _leaf_places(ir.Member(place, f.name, f.type))]
    return []
