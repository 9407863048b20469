"""Parsers in C: one label per state; a cursor walks over the packet and headers are copied out of it."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.backend import places, valuesets
from rackplane.compiler.backend.access import matches, within
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.ctext import identifier
from rackplane.compiler.backend.exprs import expr, named, width_of
from rackplane.compiler.backend.layout import HeaderLayout
from rackplane.compiler.backend.stmts import Plans, StatementWriter
from rackplane.compiler.backend.structure import ALL, Path, Structure, blocks_of, header_path, pieces_of, targets

MAX_ROUNDS = 64
MAX_ADVANCE = 2048
_ENDS = ("accept", "reject")


def place_name(path: Path) -> str:
    """The member of struct packet that keeps where a header came from."""
    return "at_" + "_".join(identifier(p) for p in path)


def tracked(structure: Structure) -> list[Path]:
    """The headers that are stored back to where they came from."""
    return [p for p in structure.emitted if p in structure.dirty] if structure.in_place else []


def back_edges(parser: ir.Parser) -> set[str]:
    """The states that are entered again from a state that they lead to."""
    states = {s.name: s for s in parser.states}
    found: set[str] = set()
    done: set[str] = set()
    open_: set[str] = set()
    work: list[tuple[str, bool]] = [("start", False)]
    while work:
        name, leaving = work.pop()
        if leaving:
            open_.discard(name)
            done.add(name)
            continue
        if name in open_:
            found.add(name)
            continue
        if name in done or name not in states:
            continue
        open_.add(name)
        work.append((name, True))
        work += [(t, False) for t in targets(states[name])]
    return found


class ParserWriter:
    """Writes the parser's function body."""

    def __init__(self, fx: Fx, parser: ir.Parser, structure: Structure, plans: Plans) -> None:
        self.fx = fx
        self.parser = parser
        self.structure = structure
        self.tracked = set(tracked(structure))
        self.loops = back_edges(parser)
        self.writer = StatementWriter(plans, special=self._special)

    def write(self) -> None:
        """All states; `error` and `cursor` are declared by the caller, who also has the label `done`."""
        out = self.fx.out
        if self.loops:
            out.line("u32 rounds = 0;")
        out.line(f"goto {self._label('start')};")
        for state in self.parser.states:
            with out.at(state.span):
                self._state(state)

    def _label(self, state: str) -> str:
        return "done" if state in _ENDS else f"state_{identifier(state)}"

    def _state(self, state: ir.State) -> None:
        out = self.fx.out
        out.label(self._label(state.name))
        with out.block():
            if state.name in self.loops:
                out.line(f"if (rounds++ >= {MAX_ROUNDS}) {self.fx.fail('ParserTimeout')}")
                self._forget_cursor()
            self.writer.body(self.fx, state.body)
            self._transition(state)

    def _transition(self, state: ir.State) -> None:
        out = self.fx.out
        if isinstance(state.transition, str):
            out.line(f"goto {self._label(state.transition)};")
            return
        with out.at(state.transition.span):
            keys = [(named(self.fx, k), width_of(k)) for k in state.transition.keys]
            for case in state.transition.cases:
                test = " && ".join(_tests(self.fx, case, keys)) or "1"
                out.line(f"if ({test}) goto {self._label(case.next)};")
            out.line(self.fx.fail("NoMatch"))

    def _special(self, fx: Fx, stmt: ir.Stmt) -> bool:
        match stmt:
            case ir.Extract():
                self._extract(stmt)
            case ir.Advance():
                self._advance(stmt)
            case ir.Verify():
                test = expr(fx, stmt.condition)
                fx.out.line(f"if (!{test}) FAIL({stmt.error});")
            case _:
                return False
        return True

    def _extract(self, stmt: ir.Extract) -> None:
        fx, out = self.fx, self.fx.out
        following = _next_of(stmt.header)
        stack = places.stack_of(fx, following.base, expr)[0] if following else None
        found = places.aggregate(fx, stmt.header, expr)
        if not isinstance(found.type, ir.Header):
            raise unsupported("extract() of something that is not a header")
        if found.guard:
            out.line(f"if (!({found.guard})) {fx.fail('StackOutOfBounds')}")
        layout = fx.types.layout(found.type)
        if layout.varbit or stmt.varbit_bits is not None:
            self._extract_varbit(stmt, found, layout)
        else:
            self._extract_fixed(stmt, found, layout)
        self._invalidate_siblings(stmt.header)
        if stack:
            out.line(f"{stack.lvalue}.next++;")

    def _extract_fixed(self, stmt: ir.Extract, found: places.Aggregate, layout: HeaderLayout) -> None:
        out, path = self.fx.out, header_path(stmt.header)
        fail = self.fx.fail("PacketTooShort")
        out.line(f"if (unlikely(cursor + {layout.size} > pkt->end)) {fail}")
        if path in self.tracked and path is not None:
            out.line(f"pkt->{place_name(path)} = cursor;")
        for offset, size in self._blocks(path, found.type, layout):
            out.line(f"IN{size}({found.lvalue}.b, cursor, {offset});")
        out.line(f"{found.lvalue}.valid = 1;")
        out.line(f"cursor += {layout.size};")

    def _blocks(self, path: Path | None, kind: ir.Type, layout: HeaderLayout) -> list[tuple[int, int]]:
        """What is copied out of the packet: all of it when the header is stored anew, else what is used."""
        if not isinstance(kind, ir.Header):
            return []
        every = path is None or not self.structure.in_place
        names = frozenset({ALL}) if every else self.structure.used.get(path or (), frozenset())
        return blocks_of(kind, layout, names)

    def _extract_varbit(self, stmt: ir.Extract, found: places.Aggregate, layout: HeaderLayout) -> None:
        if layout.varbit is None or stmt.varbit_bits is None:
            raise unsupported(f"extract() of header {found.type.name if isinstance(found.type, ir.Header) else ''}")
        out, header, varbit = self.fx.out, found.lvalue, layout.varbit
        after = layout.size - varbit.before
        bits = out.temp("u64", expr(self.fx, stmt.varbit_bits))
        out.line(f"if ({bits} & 7) {self.fx.fail('ParserInvalidArgument')}")
        out.line(f"if ({bits} > {8 * varbit.max_size}) {self.fx.fail('HeaderTooShort')}")
        size = out.fresh("size")
        out.line(f"u64 {size} = {bits} >> 3;")
        out.line(f"if (unlikely(cursor + {layout.size} + {size} > pkt->end)) {self.fx.fail('PacketTooShort')}")
        out.line(f"if (cursor + {varbit.before} > pkt->end) {self.fx.fail('PacketTooShort')}")
        for offset, part in pieces_of(0, varbit.before):
            out.line(f"IN{part}({header}.b, cursor, {offset});")
        out.line(f"cursor += {varbit.before};")
        with out.block(f"for (u32 n = 0; n < {varbit.max_size}; n++)"):
            out.line(f"if (n >= {size}) break;")
            out.line(f"if (unlikely(cursor + 1 > pkt->end)) {self.fx.fail('PacketTooShort')}")
            out.line(f"{header}.var.v[n] = *cursor++;")
        self._forget_size(size, varbit.max_size)
        if after:
            out.line(f"if (unlikely(cursor + {after} > pkt->end)) {self.fx.fail('PacketTooShort')}")
            for n in range(after):
                out.line(f"IN1({header}.b + {varbit.before}, cursor, {n});")
            out.line(f"cursor += {after};")
        out.line(f"{header}.var.size = {size};")
        out.line(f"{header}.valid = 1;")

    def _forget_cursor(self) -> None:
        """Make one path of those that differ in the cursor's place only.

        The verifier forgets how far the cursor is, and how far fresh pointers to the packet may reach.
        """
        out, offset = self.fx.out, self.fx.out.fresh("offset")
        out.line(f"u64 {offset} = distance(pkt->data, cursor); OPAQUE({offset});")
        out.line(f"if ({offset} > MAX_HEADERS_SIZE) {self.fx.fail('PacketTooShort')}")
        out.line("load_bounds(pkt);")
        out.line(f"cursor = pkt->data + {offset};")

    def _forget_size(self, size: str, max_size: int) -> None:
        """Make one path of as many as a loop over `size` bytes could end on."""
        self.fx.facts.features.add("forget")
        self.fx.out.line(f"FORGET({size});")
        self.fx.out.line(f"if ({size} > {max_size}) {self.fx.fail('PacketTooShort')}")
        self._forget_cursor()

    def _invalidate_siblings(self, header: ir.Place) -> None:
        if not isinstance(header, ir.Member) or not isinstance(header.base.type, ir.Union):
            return
        base = places.aggregate(self.fx, header.base, expr)
        for f in header.base.type.fields:
            if f.name != header.name:
                self.fx.out.line(f"{base.lvalue}.f_{identifier(f.name)}.valid = 0;")

    def _advance(self, stmt: ir.Advance) -> None:
        out = self.fx.out
        if isinstance(stmt.bits, ir.Const):
            size = str(stmt.bits.value // 8)
            if stmt.bits.value % 8 or stmt.bits.value > 8 * MAX_ADVANCE:
                raise unsupported(f"advance() by {stmt.bits.value} bits")
        else:
            bits = out.temp("u64", expr(self.fx, stmt.bits))
            out.line(f"if ({bits} & 7) {self.fx.fail('ParserInvalidArgument')}")
            out.line(f"if ({bits} > {8 * MAX_ADVANCE}) {self.fx.fail('PacketTooShort')}")
            size = out.temp("u64", f"{bits} >> 3")
        out.line(f"if (unlikely(cursor + {size} > pkt->end)) {self.fx.fail('PacketTooShort')}")
        out.line(f"cursor += {size};")


def _next_of(header: ir.Place) -> ir.StackNext | None:
    """The stack.next that a header is, or is a union member of: extracting it advances the stack."""
    place = header.base if isinstance(header, ir.Member) else header
    return place if isinstance(place, ir.StackNext) else None


def _tests(fx: Fx, case: ir.SelectCase, keys: list[tuple[str, int]]) -> list[str]:
    """The C conditions of a case; a value set takes as many keys as it has fields."""
    tests, rest = [], keys
    for label in case.labels:
        if isinstance(label, ir.ValueSetRef):
            plan = fx.facts.value_sets[label.name]
            mine, rest = rest[: len(plan.fields)], rest[len(plan.fields) :]
            tests.append(valuesets.contains(fx, plan, mine))
            continue
        (key, width), rest = rest[0], rest[1:]
        if isinstance(label, ir.Interval):
            tests += within(key, width, label.low, label.high)
        else:
            tests += matches(key, width, label.value, label.mask)
    return tests
