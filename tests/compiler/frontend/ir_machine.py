"""Runs ir.Pipeline packet by packet: expressions, statements, parser and deparser, without a switch around.

It says what the IR means, independent of any back end, so that tests can compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ir_values import HeaderValue, RecordValue, StackValue, Stored, VarbitValue, copied, fresh, same, wrap

from rackplane.compiler import ir

B = ir.BinaryOp


class ParserError(Exception):
    """The parser goes to reject with this error."""


class _Leave(Exception):
    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


class _Exit(Exception):
    pass


@dataclass
class Entry:
    """An entry of a table: one function per key, the action's key and arguments, and its priority."""

    matches: Sequence[Callable[[int], bool]]
    action: str
    arguments: tuple[int, ...]
    rank: tuple[int, ...]


@dataclass
class TableState:
    """The entries that a table has now."""

    entries: list[Entry] = field(default_factory=list)
    default: tuple[str, tuple[int, ...]] = ("", ())


Extern = Callable[["Machine", ir.CallExtern], None]


class Machine:
    """The state of a program: tables and registers live on, variables live for one packet."""

    def __init__(self, pipeline: ir.Pipeline, externs: dict[str, Extern]) -> None:
        self.pipeline = pipeline
        self.externs = externs
        self.tables = {name: self._table(table) for name, table in pipeline.tables.items()}
        self.registers = {n: [r.initial] * r.size for n, r in pipeline.registers.items()}
        self.value_sets: dict[str, list[tuple[ir.Masked | ir.Interval, ...]]] = {n: [] for n in pipeline.value_sets}
        self.variables: dict[str, Stored] = {}
        self.packet = b""
        self.cursor = 0
        self.emitted: list[tuple[int, int]] = []
        self.block = ""
        self.hits: list[tuple[str, bool, str]] = []

    # Tables

    def _table(self, table: ir.Table) -> TableState:
        state = TableState(default=(table.default.action, table.default.arguments))
        for index, entry in enumerate(table.entries):
            matches = [self._matcher(e, k.width) for e, k in zip(entry.elements, table.keys, strict=True)]
            prefix = sum(e.prefix_len for e in entry.elements if isinstance(e, ir.Lpm))
            rank = (entry.priority, prefix, -index)
            state.entries.append(Entry(matches, entry.call.action, entry.call.arguments, rank))
        return state

    def _matcher(self, element: ir.Masked | ir.Interval | ir.Lpm, width: int) -> Callable[[int], bool]:
        if isinstance(element, ir.Interval):
            return lambda v: element.low <= v <= element.high
        if isinstance(element, ir.Lpm):
            shift = width - element.prefix_len
            return lambda v: v >> shift == element.value >> shift
        return lambda v: v & element.mask == element.value & element.mask

    def apply_table(self, s: ir.ApplyTable) -> None:
        """Look up, run the action, and set the result's variables."""
        table, state = self.pipeline.tables[s.table], self.tables[s.table]
        values = [
            self.evaluate(k.expression) & ((1 << k.width) - 1)
            for k in table.keys
            if k.kind is not ir.MatchKind.SELECTOR
        ]
        fitting = [
            e for e in state.entries if all(m(v) for m, v in zip(e.matches, values, strict=True)) and table.keys
        ]
        action, arguments = state.default
        if fitting:
            best = max(fitting, key=lambda e: e.rank)
            action, arguments = best.action, best.arguments
        self.hits.append((s.table, bool(fitting), action))
        self.run_action(action, arguments)
        if s.hit is not None:
            self.variables[s.hit.name] = int(bool(fitting))
        if s.action is not None:
            self.variables[s.action.name] = [a.name for a in table.actions].index(action)

    def run_action(self, name: str, arguments: Sequence[int]) -> None:
        """Run an action with the control plane's arguments."""
        action = self.pipeline.actions[name]
        for param, value in zip(action.params, arguments, strict=True):
            t = param.var.type
            self.variables[param.var.name] = wrap(value, t) if isinstance(t, ir.Bits) else value
        self.run(action.body)

    # Places

    def load(self, place: ir.Expr) -> Stored:
        """What a place holds."""
        if isinstance(place, ir.Var):
            if place.name not in self.variables:
                self.variables[place.name] = fresh(place.type)
            return self.variables[place.name]
        if isinstance(place, ir.Member):
            return self.load(place.base).fields[place.name]
        if isinstance(place, ir.Element):
            stack, index = self.load(place.base), self.evaluate(place.index)
            return stack.elements[index] if 0 <= index < len(stack.elements) else fresh(place.type)
        if isinstance(place, ir.StackNext):
            stack = self.load(place.base)
            if stack.next >= len(stack.elements):
                raise ParserError("StackOutOfBounds")
            return stack.elements[stack.next]
        if isinstance(place, ir.StackLast):
            stack = self.load(place.base)
            if not 0 < stack.next <= len(stack.elements):
                raise ParserError("StackOutOfBounds")
            return stack.elements[stack.next - 1]
        raise TypeError(f"no place: {place}")

    def store(self, place: ir.Expr, value: Stored) -> None:
        """Write a place; whole structs and headers are copied into it."""
        if isinstance(place, ir.Slice):
            t = place.base.type
            width = t.width if isinstance(t, ir.Bits) else 0
            mask = ((1 << (place.high - place.low + 1)) - 1) << place.low
            old = self.evaluate(place.base) & ((1 << width) - 1)
            new = (old & ~mask) | ((value << place.low) & mask)
            self.store(place.base, wrap(new, t) if isinstance(t, ir.Bits) else new)
        elif isinstance(place, ir.Var):
            self.variables[place.name] = copied(value)
        elif isinstance(place, ir.Member):
            owner = self.load(place.base)
            owner.fields[place.name] = copied(value)
            if isinstance(place.base.type, ir.Union) and value.valid:
                self._only(owner, place.name)
        elif isinstance(place, ir.Element):
            stack, index = self.load(place.base), self.evaluate(place.index)
            if 0 <= index < len(stack.elements):
                stack.elements[index] = copied(value)
        elif isinstance(place, ir.StackNext | ir.StackLast):
            stack = self.load(place.base)
            self.load(place)
            stack.elements[stack.next - isinstance(place, ir.StackLast)] = copied(value)

    def _only(self, union: RecordValue, name: str) -> None:
        for other, header in union.fields.items():
            if other != name:
                header.valid = False

    # Expressions

    def evaluate(self, e: ir.Expr) -> Stored:
        """The value of an expression."""
        return _EXPRESSIONS[type(e)](self, e)

    def _slice(self, e: ir.Slice) -> int:
        return (self.evaluate(e.base) >> e.low) & ((1 << (e.high - e.low + 1)) - 1)

    def _unary(self, e: ir.Unary) -> int:
        operand = self.evaluate(e.operand)
        return wrap({"-": -operand, "~": ~operand, "!": int(not operand)}[e.op.value], e.type)

    def _concat(self, e: ir.Concat) -> int:
        right = e.right.type
        width = right.width if isinstance(right, ir.Bits) else 0
        return wrap((self.evaluate(e.left) << width) | (self.evaluate(e.right) & ((1 << width) - 1)), e.type)

    def _is_valid(self, e: ir.IsValid) -> int:
        found = self.load(e.header)
        return int(found.valid if isinstance(found, HeaderValue) else any(h.valid for h in found.fields.values()))

    def _binary(self, e: ir.Binary) -> int:
        if e.op in (B.LOGICAL_AND, B.LOGICAL_OR):
            left = self.evaluate(e.left)
            return self.evaluate(e.right) if bool(left) == (e.op is B.LOGICAL_AND) else int(left)
        left, right = self.evaluate(e.left), self.evaluate(e.right)
        if e.op in (B.EQ, B.NE):
            return int(same(left, right) == (e.op is B.EQ))
        if e.op in _ORDERS:
            return int(_ORDERS[e.op](left, right))
        if e.op in (B.SAT_ADD, B.SAT_SUB):
            result = left + right if e.op is B.SAT_ADD else left - right
            low = -(1 << (e.type.width - 1)) if e.type.signed else 0
            high = (1 << (e.type.width - e.type.signed)) - 1
            return max(low, min(high, result))
        if e.op in (B.SHL, B.SHR):
            right = min(right, e.type.width)
        return wrap(_ARITHMETIC[e.op](left, right), e.type)

    # Statements

    def run(self, body: Sequence[ir.Stmt]) -> None:
        """Run statements; Leave and Exit leave as exceptions."""
        for s in body:
            _STATEMENTS[type(s)](self, s)

    def control(self, control: ir.Control) -> None:
        """Run a whole control."""
        self._start_block(control.name)
        try:
            self.run(control.body)
        except _Exit:
            return

    def _start_block(self, name: str) -> None:
        self.block = name
        for variable in self.pipeline.variables.get(name, ()):
            self.variables[variable.name] = fresh(variable.type)

    def _assign(self, s: ir.Assign) -> None:
        self.store(s.target, copied(self.evaluate(s.value)))

    def _if(self, s: ir.If) -> None:
        self.run(s.then if self.evaluate(s.condition) else s.otherwise)

    def _switch(self, s: ir.Switch) -> None:
        value = self.evaluate(s.selector)
        default: tuple[ir.Stmt, ...] = ()
        for case in s.cases:
            if value in case.labels:
                self.run(case.body)
                return
            default = default if case.labels else case.body
        self.run(default)

    def _scope(self, s: ir.Scope) -> None:
        try:
            self.run(s.body)
        except _Leave as leave:
            if leave.label != s.label:
                raise

    def _loop(self, s: ir.Loop) -> None:
        for _ in range(s.bound):
            if not self.evaluate(s.condition):
                return
            self.run(s.body)

    def _leave(self, s: ir.Leave) -> None:
        raise _Leave(s.label)

    def _exit(self, s: ir.Exit) -> None:
        raise _Exit

    def _set_validity(self, s: ir.SetValidity) -> None:
        header = self.load(s.header)
        header.valid = s.valid
        if s.valid and isinstance(s.header, ir.Member) and isinstance(s.header.base.type, ir.Union):
            self._only(self.load(s.header.base), s.header.name)

    def _shift(self, s: ir.ShiftStack) -> None:
        stack: StackValue = self.load(s.stack)
        size, count = len(stack.elements), max(-len(stack.elements), min(s.count, len(stack.elements)))
        element = s.stack.type.element if isinstance(s.stack.type, ir.Stack) else None
        new = [fresh(element) for _ in range(abs(count))] if element is not None else []
        kept = stack.elements[: size - count] if count >= 0 else stack.elements[-count:]
        stack.elements = new + kept if count >= 0 else kept + new
        stack.next = max(0, min(size, stack.next + count))

    def _extern(self, s: ir.CallExtern) -> None:
        self.externs[s.name](self, s)

    # The parser and the deparser

    def _bits(self, offset: int, width: int) -> int:
        if offset + width > 8 * len(self.packet):
            raise ParserError("PacketTooShort")
        number = int.from_bytes(self.packet, "big")
        return (number >> (8 * len(self.packet) - offset - width)) & ((1 << width) - 1)

    def parse(self, packet: bytes) -> int:
        """Parse a packet; returns the error's index, 0 when there is none."""
        self._start_block("parser")
        self.packet, self.cursor = packet, 0
        states = {s.name: s for s in self.pipeline.parser.states}
        name = "start"
        try:
            for _ in range(10_000):
                if name in ("accept", "reject"):
                    return 0
                self.run(states[name].body)
                name = self._next(states[name].transition)
        except ParserError as e:
            return self.pipeline.errors.index(str(e))
        return self.pipeline.errors.index("ParserTimeout")

    def _next(self, transition: ir.Select | str) -> str:
        if isinstance(transition, str):
            return transition
        keys = [(self.evaluate(k), k.type) for k in transition.keys]
        values = [v & ((1 << t.width) - 1) if isinstance(t, ir.Bits) else v for v, t in keys]
        for case in transition.cases:
            if self._matches(case.labels, values):
                return case.next
        raise ParserError("NoMatch")

    def _matches(self, labels: Sequence[Any], values: list[int]) -> bool:
        if len(labels) == 1 and isinstance(labels[0], ir.ValueSetRef):
            return any(
                all(self._matcher(m, 64)(v) for m, v in zip(member, values, strict=True))
                for member in self.value_sets[labels[0].name]
            )
        return all(
            self._matches([m], [v]) if isinstance(m, ir.ValueSetRef) else self._matcher(m, 64)(v)
            for m, v in zip(labels, values, strict=True)
        )

    def _extract(self, s: ir.Extract) -> None:
        t = s.header.type
        if not isinstance(t, ir.Header):
            raise TypeError(t)
        header: HeaderValue = self.load(s.header)
        varbit = self.evaluate(s.varbit_bits) if s.varbit_bits is not None else 0
        most = max((f.type.max_width for f in t.fields if isinstance(f.type, ir.Varbit)), default=0)
        if varbit % 8:
            raise ParserError("ParserInvalidArgument")
        if varbit > most:
            raise ParserError("HeaderTooShort")
        self._bits(self.cursor, t.fixed_width + varbit)
        for f in t.fields:
            width = f.type.width if isinstance(f.type, ir.Bits) else varbit
            value = self._bits(self.cursor, width)
            if isinstance(f.type, ir.Bits):
                header.fields[f.name] = wrap(value, f.type)
            elif isinstance(f.type, ir.Varbit):
                header.fields[f.name] = VarbitValue(value, width)
            self.cursor += width
        header.valid = True
        place = s.header
        while isinstance(place, ir.Member) and isinstance(place.base.type, ir.Union):
            self._only(self.load(place.base), place.name)
            place = place.base
        if isinstance(place, ir.StackNext):
            self.load(place.base).next += 1

    def _advance(self, s: ir.Advance) -> None:
        bits = self.evaluate(s.bits)
        self._bits(self.cursor, bits)
        self.cursor += bits

    def _verify(self, s: ir.Verify) -> None:
        if not self.evaluate(s.condition):
            raise ParserError(self.pipeline.errors[s.error])

    def deparse(self) -> bytes:
        """Run the deparser; returns the new packet with the rest that was not parsed."""
        self.emitted = []
        self.control(self.pipeline.deparser)
        value = width = 0
        for number, bits in self.emitted:
            value, width = (value << bits) | (number & ((1 << bits) - 1)), width + bits
        pad = -width % 8
        return ((value << pad).to_bytes((width + pad) // 8, "big")) + self.packet[self.cursor // 8 :]

    def _emit(self, s: ir.Emit) -> None:
        for header in _headers(self.load(s.header)):
            if not header.valid:
                continue
            for f in header.type.fields:
                found = header.fields[f.name]
                if isinstance(f.type, ir.Varbit):
                    self.emitted.append((found.value, found.width))
                elif isinstance(f.type, ir.Bits):
                    self.emitted.append((found, f.type.width))
                else:
                    self.emitted.extend(_plain(found))


def _plain(value: RecordValue) -> Iterator[tuple[int, int]]:
    for f in value.type.fields:
        inner = value.fields[f.name]
        if isinstance(f.type, ir.Bits):
            yield inner, f.type.width
        else:
            yield from _plain(inner)


def _headers(value: Stored) -> Iterator[HeaderValue]:
    if isinstance(value, HeaderValue):
        yield value
    elif isinstance(value, StackValue):
        for element in value.elements:
            yield from _headers(element)
    else:
        for inner in value.fields.values():
            yield from _headers(inner)


_ORDERS: dict[ir.BinaryOp, Callable[[int, int], bool]] = {
    B.LT: lambda a, b: a < b,
    B.LE: lambda a, b: a <= b,
    B.GT: lambda a, b: a > b,
    B.GE: lambda a, b: a >= b,
}

_ARITHMETIC: dict[ir.BinaryOp, Callable[[int, int], int]] = {
    B.ADD: lambda a, b: a + b,
    B.SUB: lambda a, b: a - b,
    B.MUL: lambda a, b: a * b,
    B.DIV: lambda a, b: a // b,
    B.MOD: lambda a, b: a % b,
    B.AND: lambda a, b: a & b,
    B.OR: lambda a, b: a | b,
    B.XOR: lambda a, b: a ^ b,
    B.SHL: lambda a, b: a << b,
    B.SHR: lambda a, b: a >> b,
}

_EXPRESSIONS: dict[type, Callable[[Machine, Any], Stored]] = {
    ir.Const: lambda _, e: e.value,
    **dict.fromkeys((ir.Var, ir.Member, ir.Element, ir.StackNext, ir.StackLast), Machine.load),
    ir.Slice: Machine._slice,
    ir.Unary: Machine._unary,
    ir.Binary: Machine._binary,
    ir.Concat: Machine._concat,
    ir.Cast: lambda m, e: wrap(m.evaluate(e.operand), e.type),
    ir.Mux: lambda m, e: m.evaluate(e.then if m.evaluate(e.condition) else e.otherwise),
    ir.IsValid: Machine._is_valid,
    ir.StackIndex: lambda m, e: (m.load(e.base).next - (not e.next)) & 0xFFFFFFFF,
    ir.Lookahead: lambda m, e: wrap(m._bits(m.cursor + e.offset, e.type.width), e.type),
    ir.PacketLength: lambda m, _: len(m.packet),
}

_STATEMENTS: dict[type, Callable[[Machine, Any], None]] = {
    ir.Assign: Machine._assign,
    ir.If: Machine._if,
    ir.Switch: Machine._switch,
    ir.Scope: Machine._scope,
    ir.Loop: Machine._loop,
    ir.Leave: Machine._leave,
    ir.Exit: Machine._exit,
    ir.SetValidity: Machine._set_validity,
    ir.ShiftStack: Machine._shift,
    ir.ApplyTable: Machine.apply_table,
    ir.CallExtern: Machine._extern,
    ir.Extract: Machine._extract,
    ir.Advance: Machine._advance,
    ir.Verify: Machine._verify,
    ir.Emit: Machine._emit,
}
