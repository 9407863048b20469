"""Deparsers in C: changed headers over the packet in place, or all emitted headers anew after moving its head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend import places, walk
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.ctext import identifier
from rackplane.compiler.backend.exprs import expr
from rackplane.compiler.backend.layout import HeaderLayout
from rackplane.compiler.backend.parser import place_name, tracked
from rackplane.compiler.backend.stmts import Plans, StatementWriter
from rackplane.compiler.backend.structure import Structure, blocks_of, leaf_paths, pieces_of

MAX_PLAIN = 4


@dataclass(frozen=True)
class _Emitted:
    """One header that an emit puts out when `flag` is set at run time."""

    flag: str
    lvalue: str
    layout: HeaderLayout


def write_in_place(fx: Fx, pipeline: ir.Pipeline, structure: Structure) -> None:
    """Store each header that can have changed to where the parser found it."""
    kinds = dict(leaf_paths(pipeline.headers))
    for path in tracked(structure):
        kind = kinds[path]
        if not isinstance(kind, ir.Header):
            raise unsupported("a header stack that is changed in place")
        layout = fx.types.layout(kind)
        lvalue = "phv->hdr" + "".join(f".f_{identifier(p)}" for p in path)
        with fx.out.block():
            fx.out.line(f"u8 *at = pkt->{place_name(path)};")
            fx.out.line("OPAQUE(at);")
            with fx.out.block(f"if (at && at + {layout.size} <= pkt->end)"):
                for offset, size in blocks_of(kind, layout, structure.dirty[path]):
                    fx.out.line(f"OUT{size}(at, {lvalue}.b, {offset});")


class Rewriter:
    """Writes the general deparser: the new size first, then the head is moved, then the headers are stored.

    The verifier would follow a path per combination of valid headers, as each has another position in the packet.
    With more than a few headers it is made to forget which are valid, and the position after each of them.
    """

    def __init__(self, fx: Fx, plans: Plans, deparser: ir.Control) -> None:
        self.fx = fx
        self.deparser = deparser
        self.emitted: list[_Emitted] = []
        self.writer = StatementWriter(plans, special=self._special)
        straight = all(isinstance(s, ir.Emit | ir.Scope) for s in walk.statements(deparser.body))
        self.read_again = straight and fx.facts.in_map

    def write(self) -> None:
        """The deparser's statements, then the stores; the function returns a drop reason or 0."""
        out = self.fx.out
        out.line("u32 size = 0, start = 0;")
        place = len(out.lines)
        self.writer.body(self.fx, self.deparser.body)
        many = len(self.emitted) > MAX_PLAIN
        flags = [] if self.read_again else [e.flag for e in self.emitted]
        if flags:
            out.lines.insert(place, (f"\tu32 {', '.join(f'{f} = 0' for f in flags)};", ir.NOWHERE))
        if flags and many:
            self.fx.facts.features.add("forget")
            out.line(" ".join(f"FORGET({f});" for f in flags))
        out.line("if (move_head(pkt, size)) return DROP_NO_ROOM;")
        for n, each in enumerate(self.emitted, start=1):
            with out.block(f"if ({each.flag})"):
                out.line("u8 *at = pkt->data + start;")
                self._store(each)
            if n == len(self.emitted):
                break
            if many:
                out.line("FORGET(start);")
            if many or any(e.layout.varbit for e in self.emitted[:n]):
                out.line("if (unlikely(start > MAX_HEADERS_SIZE)) return DROP_NO_ROOM;")

    def _special(self, fx: Fx, stmt: ir.Stmt) -> bool:
        if not isinstance(stmt, ir.Emit):
            return False
        found = places.aggregate(fx, stmt.header, expr)
        if found.guard:
            raise unsupported("emit() of a stack element with a computed index")
        for lvalue, header in _headers(found.lvalue, found.type):
            self._add(lvalue, fx.types.layout(header))
        return True

    def _add(self, lvalue: str, layout: HeaderLayout) -> None:
        """Count one header in; its validity is read again for the stores where that is forgotten anyway."""
        out = self.fx.out
        if self.read_again:
            each = _Emitted(f"AGAIN({lvalue}.valid)", lvalue, layout)
        else:
            each = _Emitted(out.fresh("emit_"), lvalue, layout)
            out.line(f"{each.flag} = {lvalue}.valid;")
        self.emitted.append(each)
        out.line(f"if ({each.flag}) size += {_size(each)};")

    def _store(self, each: _Emitted) -> None:
        out, layout = self.fx.out, each.layout
        if layout.varbit is None:
            self._copy(f"{each.lvalue}.b", pieces_of(0, layout.size), layout.size)
            out.line(f"start += {layout.size};")
            return
        before = layout.varbit.before
        self._copy(f"{each.lvalue}.b", pieces_of(0, before), before)
        with out.block(f"for (u32 n = 0; n < {layout.varbit.max_size}; n++)"):
            out.line(f"if (n >= {each.lvalue}.var.size) break;")
            out.line("if (at + 1 > pkt->end) return DROP_NO_ROOM;")
            out.line(f"*at++ = {each.lvalue}.var.v[n];")
        after = layout.size - before
        out.line(f"load_bounds(pkt); start += {before} + {each.lvalue}.var.size;")
        out.line("if (unlikely(start > MAX_HEADERS_SIZE)) return DROP_NO_ROOM;")
        out.line("at = pkt->data + start;")
        self._copy(f"{each.lvalue}.b + {before}", ((n, 1) for n in range(after)), after)
        out.line(f"start += {after};")

    def _copy(self, source: str, parts: Iterable[tuple[int, int]], size: int) -> None:
        if size:
            self.fx.out.line(f"if (unlikely(at + {size} > pkt->end)) return DROP_NO_ROOM;")
            for offset, part in parts:
                self.fx.out.line(f"OUT{part}(at, {source}, {offset});")
            self.fx.out.line(f"at += {size};")


def _size(each: _Emitted) -> str:
    """The header's bytes in the packet."""
    return f"{each.layout.size}" + (f" + {each.lvalue}.var.size" if each.layout.varbit else "")


def _headers(lvalue: str, kind: ir.Type) -> Iterator[tuple[str, ir.Header]]:
    match kind:
        case ir.Header():
            yield lvalue, kind
        case ir.Stack():
            for n in range(kind.size):
                yield from _headers(f"{lvalue}.e[{n}]", kind.element)
        case ir.Struct() | ir.Union():
            for f in kind.fields:
                yield from _headers(f"{lvalue}.f_{identifier(f.name)}", f.type)
        case _:
            raise unsupported("emit() of something that holds no header")
