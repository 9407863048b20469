"""Generated arithmetic against Python's, for random expression trees of every operator and width."""

from __future__ import annotations

import random
from collections.abc import Callable

import bpf_harness as bpf
import ir_programs as programs
import pytest

from rackplane.compiler import ir
from rackplane.compiler.build import compile_pipeline

Op = ir.BinaryOp
WIDTHS = (1, 3, 8, 9, 13, 16, 24, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 129, 200)
INPUT = programs.header("input_t", **{f"f{n}": w for n, w in enumerate(WIDTHS)}, pad=-sum(WIDTHS) % 8)
HEADERS = ir.Struct("headers", (ir.Field("input", INPUT),))
EXPRESSIONS = 40
SIMPLE = (Op.ADD, Op.SUB, Op.MUL, Op.AND, Op.OR, Op.XOR, Op.SAT_ADD, Op.SAT_SUB)
ORDER = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)


def low(value: int, width: int) -> int:
    return value & ((1 << width) - 1)


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def saturate(value: int, kind: ir.Bits) -> int:
    bounds = (-(1 << (kind.width - 1)), (1 << (kind.width - 1)) - 1) if kind.signed else (0, (1 << kind.width) - 1)
    return low(min(max(value, bounds[0]), bounds[1]), kind.width)


class Trees:
    """Random expressions over the input header's fields."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.header = programs.member(programs.var("hdr", HEADERS), "input")

    def leaf(self, width: int, is_signed: bool) -> ir.Expr:
        kind = ir.Bits(width, is_signed)
        if self.random.random() < 0.25:
            return ir.Const(self.random.choice([0, 1, low(-1, width), self.random.getrandbits(width)]), kind)
        source = self.random.randrange(len(WIDTHS))
        place = programs.member(self.header, f"f{source}")
        wide = WIDTHS[source]
        if wide > width and self.random.random() < 0.5:
            at = self.random.randrange(wide - width + 1)
            return ir.Cast(ir.Slice(place, at + width - 1, at), kind)
        return ir.Cast(ir.Cast(place, ir.Bits(wide, self.random.random() < 0.5)), kind)

    def condition(self, depth: int) -> ir.Expr:
        if depth and self.random.random() < 0.3:
            op = self.random.choice([Op.LOGICAL_AND, Op.LOGICAL_OR])
            return ir.Binary(op, self.condition(depth - 1), self.condition(depth - 1), ir.BOOL)
        if depth and self.random.random() < 0.2:
            return ir.Unary(ir.UnaryOp.NOT, self.condition(depth - 1), ir.BOOL)
        width, is_signed = self.random.choice(WIDTHS), self.random.random() < 0.5
        left, right = self.tree(width, is_signed, depth - 1), self.tree(width, is_signed, depth - 1)
        return ir.Binary(self.random.choice(ORDER), left, right, ir.BOOL)

    def tree(self, width: int, is_signed: bool, depth: int) -> ir.Expr:
        kinds = [self.simple, self.simple, self.simple, self.shift, self.mux, self.unary]
        kinds += [self.concat] if width > 1 else []
        kinds += [self.divide] if not is_signed and width <= 64 else []
        if depth <= 0:
            return self.leaf(width, is_signed)
        return self.random.choice(kinds)(ir.Bits(width, is_signed), depth - 1)

    def simple(self, kind: ir.Bits, depth: int) -> ir.Expr:
        left, right = (self.tree(kind.width, kind.signed, depth) for _ in range(2))
        return ir.Binary(self.random.choice(SIMPLE), left, right, kind)

    def shift(self, kind: ir.Bits, depth: int) -> ir.Expr:
        by = self.leaf(self.random.choice([3, 8, 16]), False)
        operator = self.random.choice([Op.SHL, Op.SHR])
        return ir.Binary(operator, self.tree(kind.width, kind.signed, depth), by, kind)

    def mux(self, kind: ir.Bits, depth: int) -> ir.Expr:
        then, otherwise = (self.tree(kind.width, kind.signed, depth) for _ in range(2))
        return ir.Mux(self.condition(depth), then, otherwise, kind)

    def unary(self, kind: ir.Bits, depth: int) -> ir.Expr:
        operator = self.random.choice([ir.UnaryOp.NEGATE, ir.UnaryOp.COMPLEMENT])
        return ir.Unary(operator, self.tree(kind.width, kind.signed, depth), kind)

    def concat(self, kind: ir.Bits, depth: int) -> ir.Expr:
        cut = self.random.randrange(1, kind.width)
        parts = self.tree(kind.width - cut, False, depth), self.tree(cut, False, depth)
        return ir.Cast(ir.Concat(*parts, ir.Bits(kind.width)), kind)

    def divide(self, kind: ir.Bits, depth: int) -> ir.Expr:
        divisor = ir.Const(self.random.randrange(1, 1 << min(kind.width, 20)), kind)
        operator = self.random.choice([Op.DIV, Op.MOD])
        return ir.Binary(operator, self.tree(kind.width, False, depth), divisor, kind)


_OPERATORS: dict[ir.BinaryOp, Callable[[int, int], int]] = {
    Op.ADD: lambda a, b: a + b,
    Op.SUB: lambda a, b: a - b,
    Op.MUL: lambda a, b: a * b,
    Op.AND: lambda a, b: a & b,
    Op.OR: lambda a, b: a | b,
    Op.XOR: lambda a, b: a ^ b,
    Op.DIV: lambda a, b: a // b,
    Op.MOD: lambda a, b: a % b,
    Op.LOGICAL_AND: lambda a, b: a & b,
    Op.LOGICAL_OR: lambda a, b: a | b,
    Op.EQ: lambda a, b: a == b,
    Op.NE: lambda a, b: a != b,
    Op.LT: lambda a, b: a < b,
    Op.LE: lambda a, b: a <= b,
    Op.GT: lambda a, b: a > b,
    Op.GE: lambda a, b: a >= b,
}


def evaluate(e: ir.Expr, fields: dict[str, int]) -> int:
    """The value of an expression as an unsigned number of its width."""
    width = e.type.width
    match e:
        case ir.Const():
            value = e.value
        case ir.Member():
            value = fields[e.name]
        case ir.Slice():
            value = evaluate(e.base, fields) >> e.low
        case ir.Cast():
            source = e.operand.type
            value = evaluate(e.operand, fields)
            value = signed(value, source.width) if source.signed else value
        case ir.Concat():
            value = evaluate(e.left, fields) << e.right.type.width | evaluate(e.right, fields)
        case ir.Mux():
            value = evaluate(e.then if evaluate(e.condition, fields) else e.otherwise, fields)
        case ir.Unary():
            value = evaluate(e.operand, fields)
            value = {"-": -value, "~": ~value, "!": int(not value)}[e.op.value]
        case ir.Binary():
            value = evaluate_binary(e, fields)
        case _:
            raise AssertionError(e)
    return low(value, width)


def evaluate_binary(e: ir.Binary, fields: dict[str, int]) -> int:
    a, b, kind = evaluate(e.left, fields), evaluate(e.right, fields), e.left.type
    if kind.signed and e.op not in (Op.SHL, Op.SHR, Op.LOGICAL_AND, Op.LOGICAL_OR):
        a, b = signed(a, kind.width), signed(b, e.right.type.width)
    if e.op in (Op.SAT_ADD, Op.SAT_SUB):
        return saturate(a + b if e.op is Op.SAT_ADD else a - b, kind)
    if e.op is Op.SHL:
        return low(a << b, kind.width)
    if e.op is Op.SHR:
        return low((signed(a, kind.width) if kind.signed else a) >> b, kind.width)
    return low(int(_OPERATORS[e.op](a, b)), e.type.width)


def program(expressions: list[ir.Expr]) -> ir.Pipeline:
    """Extracts the input and stores each value in its own register."""
    hdr = programs.var("hdr", HEADERS)
    body: list[ir.Stmt] = []
    for n, e in enumerate(expressions):
        wide = ir.Cast(ir.Cast(e, ir.Bits(e.type.width)), ir.Bits(256))
        body.append(ir.CallExtern("register.write", (programs.const(n, 32), wide), "out"))
    state = ir.State("start", (ir.Extract(programs.member(hdr, "input")),), "accept")
    return programs.pipeline(
        headers=HEADERS,
        parser=ir.Parser("parser", (state,)),
        ingress=ir.Control("ingress", tuple(body)),
        deparser=programs.EMPTY,
        registers={"out": ir.Register("ingress.out", ir.Bits(256), len(expressions))},
    )


def values(source: random.Random) -> dict[str, int]:
    special = (0, 1, -1, 1 << 200)
    return {
        f.name: low(source.choice([*special, source.getrandbits(200), source.getrandbits(200)]), f.type.width)
        for f in INPUT.fields
    }


def encode(fields: dict[str, int]) -> bytes:
    number, bits = 0, 0
    for f in INPUT.fields:
        number = number << f.type.width | fields[f.name]
        bits += f.type.width
    return number.to_bytes(bits // 8, "big")


@pytest.mark.root
@pytest.mark.parametrize("seed", range(6))
def test_values_are_those_of_python(seed: int) -> None:
    trees = Trees(seed)
    choice = trees.random
    expressions = [
        trees.tree(choice.choice(WIDTHS), choice.random() < 0.5, choice.randrange(4)) for _ in range(EXPRESSIONS)
    ]
    with bpf.Loaded(compile_pipeline(program(expressions))[0]) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        memory = loaded.memory(".bss.r0", 32 * EXPRESSIONS)
        for _ in range(20):
            fields = values(choice)
            loaded.run(encode(fields))
            for n, e in enumerate(expressions):
                found = int.from_bytes(memory[32 * n : 32 * n + 32], "little")
                assert found == evaluate(e, fields), (e, fields)
