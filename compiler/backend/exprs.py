"""Expressions as C text. A value of width w is an unsigned number with no bit set above w (two's complement)."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.backend import places
from rackplane.compiler.backend.access import (
    equal,
    is_wide,
    join,
    literal,
    mask,
    number,
    part,
    read_bits,
    value_type,
    words,
)
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.ctext import identifier
from rackplane.compiler.backend.layout import MAX_WIDTH
from rackplane.compiler.backend.structure import pieces_of

_PLAIN = {
    ir.BinaryOp.ADD: "+",
    ir.BinaryOp.SUB: "-",
    ir.BinaryOp.MUL: "*",
    ir.BinaryOp.AND: "&",
    ir.BinaryOp.OR: "|",
    ir.BinaryOp.XOR: "^",
}
_BITWISE = {ir.BinaryOp.AND, ir.BinaryOp.OR, ir.BinaryOp.XOR}
_LOGICAL = {ir.BinaryOp.LOGICAL_AND: "&&", ir.BinaryOp.LOGICAL_OR: "||"}
_ORDER = {ir.BinaryOp.LT: "<", ir.BinaryOp.LE: "<=", ir.BinaryOp.GT: ">", ir.BinaryOp.GE: ">="}
_EQUALITY = {ir.BinaryOp.EQ, ir.BinaryOp.NE}
_SHIFTS = {ir.BinaryOp.SHL, ir.BinaryOp.SHR}
_FUNCTIONS = {
    ir.BinaryOp.ADD: "add",
    ir.BinaryOp.SUB: "sub",
    ir.BinaryOp.MUL: "mul",
    ir.BinaryOp.DIV: "div",
    ir.BinaryOp.MOD: "mod",
    ir.BinaryOp.SAT_ADD: "sat_add",
    ir.BinaryOp.SAT_SUB: "sat_sub",
    ir.BinaryOp.SHL: "shl",
    ir.BinaryOp.SHR: "shr",
}
_SATURATING = {ir.BinaryOp.SAT_ADD, ir.BinaryOp.SAT_SUB}
_DIVISIONS = {ir.BinaryOp.DIV, ir.BinaryOp.MOD}


def width_of(e: ir.Expr) -> int:
    """The width of a number expression."""
    if not isinstance(e.type, ir.Bits):
        raise unsupported("a header, struct or varbit where a number is needed")
    if e.type.width > MAX_WIDTH:
        raise unsupported(f"a computation with {e.type.width} bits")
    return e.type.width


def is_signed(e: ir.Expr) -> bool:
    """Whether a number expression is of a signed type."""
    return isinstance(e.type, ir.Bits) and e.type.signed


def expr(fx: Fx, e: ir.Expr) -> str:
    """The C expression of a number, with the statements that it needs written in front."""
    width = width_of(e)
    match e:
        case ir.Const():
            text = number(e.value & mask(width), width)
        case ir.Unary():
            text = _unary(fx, e, width)
        case ir.Binary():
            text = _binary(fx, e, width)
        case ir.Concat():
            text = _concat(fx, e, width)
        case ir.Cast():
            text = _cast(fx, e, width)
        case ir.Mux():
            kind = value_type(width)
            text = f"({expr(fx, e.condition)} ? ({kind}){expr(fx, e.then)} : ({kind}){expr(fx, e.otherwise)})"
        case ir.Slice():
            text = _slice(fx, e, width)
        case _:
            text = _atom(fx, e, width)
    return text


def _atom(fx: Fx, e: ir.Expr, width: int) -> str:
    match e:
        case ir.IsValid():
            text = valid(fx, e.header)
        case ir.StackIndex():
            base, _ = places.stack_of(fx, e.base, expr)
            text = f"((u32){base.lvalue}.next)" if e.next else f"((u32)({base.lvalue}.next - 1))"
        case ir.Lookahead():
            text = _lookahead(fx, e, width)
        case ir.PacketLength():
            text = "((u32)pkt->length)"
        case _:
            text = places.read(places.locate(fx, e, expr))
    return text


def condition(fx: Fx, e: ir.Expr) -> str:
    """A C truth value."""
    return expr(fx, e)


def fit(text: str, width: int) -> str:
    """Cut the bits above `width` from a C expression of value_type(width), at most 64 bits wide."""
    if width in (32, 64):
        return f"(({value_type(width)})({text}))"
    return f"(({text}) & {number(mask(width), width)})"


def widened(text: str, width: int) -> str:
    """A C expression of up to 64 bits as value_type(width), cut to that width."""
    if not is_wide(width):
        return fit(f"({value_type(width)})({text})", width)
    return literal([text, *["0"] * (words(width) - 1)])


def named(fx: Fx, e: ir.Expr) -> str:
    """A temporary with the value of an expression."""
    return fx.out.temp(value_type(width_of(e)), expr(fx, e))


def _prefix(width: int) -> str:
    """The prefix of the functions on wide numbers of this width."""
    return f"w{words(width)}_"


def _unary(fx: Fx, e: ir.Unary, width: int) -> str:
    if not is_wide(width):
        operand = expr(fx, e.operand)
        return f"((u32)!{operand})" if e.op is ir.UnaryOp.NOT else fit(f"{e.op.value}{operand}", width)
    if e.op is ir.UnaryOp.NEGATE:
        return f"{_prefix(width)}sub({number(0, width)}, {expr(fx, e.operand)}, {width})"
    name = named(fx, e.operand)
    return f"{_prefix(width)}cut({literal([f'~{name}.w[{n}]' for n in range(words(width))])}, {width})"


def _binary(fx: Fx, e: ir.Binary, width: int) -> str:
    if e.op in _LOGICAL:
        return f"((u32)({expr(fx, e.left)} {_LOGICAL[e.op]} {expr(fx, e.right)}))"
    if e.op in _EQUALITY:
        text = _equality(fx, e)
        return f"((u32)({text}))" if e.op is ir.BinaryOp.EQ else f"((u32)!({text}))"
    if e.op in _ORDER:
        return f"((u32)({_order(fx, e)}))"
    if e.op in _SHIFTS:
        return _shift(fx, e, width)
    return _wide_arithmetic(fx, e, width) if is_wide(width) else _arithmetic(fx, e, width)


def _equality(fx: Fx, e: ir.Binary) -> str:
    if not isinstance(e.left.type, ir.Bits):
        return _equal_places(fx, e.left, e.right)
    if not is_wide(width_of(e.left)):
        return f"{expr(fx, e.left)} == {expr(fx, e.right)}"
    return equal(named(fx, e.left), named(fx, e.right), width_of(e.left))


def _order(fx: Fx, e: ir.Binary) -> str:
    left, right, width = expr(fx, e.left), expr(fx, e.right), width_of(e.left)
    if not is_wide(width):
        if is_signed(e.left):
            left, right = f"sext64({left}, {width})", f"sext64({right}, {width})"
        return f"{left} {_ORDER[e.op]} {right}"
    if e.op in (ir.BinaryOp.GT, ir.BinaryOp.LE):
        left, right = right, left
    sign = "s" if is_signed(e.left) else ""
    tail = f", {width}" if sign else ""
    less = f"{_prefix(width)}{sign}less({left}, {right}{tail})"
    return less if e.op in (ir.BinaryOp.LT, ir.BinaryOp.GT) else f"!{less}"


def _arithmetic(fx: Fx, e: ir.Binary, width: int) -> str:
    left, right, kind = expr(fx, e.left), expr(fx, e.right), value_type(width)
    if e.op in _PLAIN:
        text = f"({kind}){left} {_PLAIN[e.op]} ({kind}){right}"
        return f"({text})" if e.op in _BITWISE else fit(text, width)
    function = f"{_FUNCTIONS[e.op]}64"
    if e.op in _DIVISIONS:
        if is_signed(e):
            raise unsupported(f"{e.op.value} of signed numbers")
        return f"(({kind}){function}({left}, {right}))"
    return f"(({kind}){'s' if is_signed(e) else ''}{function}({left}, {right}, {width}))"


def _wide_arithmetic(fx: Fx, e: ir.Binary, width: int) -> str:
    if e.op in _BITWISE:
        left, right = named(fx, e.left), named(fx, e.right)
        return literal([f"{left}.w[{n}] {_PLAIN[e.op]} {right}.w[{n}]" for n in range(words(width))])
    if e.op in _DIVISIONS:
        raise unsupported(f"{e.op.value} of {width}-bit numbers")
    sign = "s" if e.op in _SATURATING and is_signed(e) else ""
    return f"{_prefix(width)}{sign}{_FUNCTIONS[e.op]}({expr(fx, e.left)}, {expr(fx, e.right)}, {width})"


def _shift(fx: Fx, e: ir.Binary, width: int) -> str:
    name = "sar" if e.op is ir.BinaryOp.SHR and is_signed(e) else _FUNCTIONS[e.op]
    left = expr(fx, e.left)
    if is_wide(width):
        return f"{_prefix(width)}{name}({left}, {_amount(fx, e.right)}, {width})"
    kind = value_type(width)
    if isinstance(e.right, ir.Const) and name != "sar":
        by = e.right.value
        if by >= width:
            return number(0, width)
        return fit(f"({kind}){left} << {by}", width) if name == "shl" else f"({left} >> {by})"
    return f"(({kind}){name}64({left}, {_amount(fx, e.right)}, {width}))"


def _amount(fx: Fx, e: ir.Expr) -> str:
    """A shift's amount in 64 bits: a larger one shifts everything out all the same."""
    width = width_of(e)
    if not is_wide(width):
        return expr(fx, e)
    name = named(fx, e)
    above = " | ".join(f"{name}.w[{n}]" for n in range(1, words(width)))
    return f"(({above}) ? ~0ull : {name}.w[0])"


def _concat(fx: Fx, e: ir.Concat, width: int) -> str:
    low = width_of(e.right)
    if is_wide(width):
        return join([(named(fx, e.left), width - low), (named(fx, e.right), low)])
    kind = value_type(width)
    return f"((({kind}){expr(fx, e.left)} << {low}) | ({kind}){expr(fx, e.right)})"


def _cast(fx: Fx, e: ir.Cast, width: int) -> str:
    source, grows = width_of(e.operand), width > width_of(e.operand)
    if is_wide(width) or is_wide(source):
        return _wide_cast(fx, e, width, source)
    operand, kind = expr(fx, e.operand), value_type(width)
    if grows and is_signed(e.operand):
        return fit(f"({kind})sext64({operand}, {source})", width)
    return f"(({kind}){operand})" if width >= source else fit(f"({kind}){operand}", width)


def _wide_cast(fx: Fx, e: ir.Cast, width: int, source: int) -> str:
    name = named(fx, e.operand)
    if width <= source:
        return part(name, source, 0, width)
    if not is_signed(e.operand):
        return (
            join([("0ull", width - source), (name, source)])
            if width - source <= 64
            else _padded(name, source, width)
        )
    if not is_wide(source):
        name = fx.out.temp("u64", f"(u64)sext64({name}, {source})")
        sign = f"(u64)((s64){name} >> 63)"
        return f"{_prefix(width)}cut({literal([name, *[sign] * (words(width) - 1)])}, {width})"
    full = fx.out.temp(value_type(source), f"{_prefix(source)}extend({name}, {source})")
    sign = f"(u64)((s64){full}.w[{words(source) - 1}] >> 63)"
    parts = [f"{full}.w[{n}]" if n < words(source) else sign for n in range(words(width))]
    return f"{_prefix(width)}cut({literal(parts)}, {width})"


def _padded(name: str, source: int, width: int) -> str:
    """A number with zeros in front."""
    low = [name] if not is_wide(source) else [f"{name}.w[{n}]" for n in range(words(source))]
    return literal([*low, *["0"] * (words(width) - len(low))])


def _slice(fx: Fx, e: ir.Slice, width: int) -> str:
    base: ir.Expr = e
    while isinstance(base, ir.Slice):
        base = base.base
    if isinstance(base, ir.Var | ir.Member):
        return places.read(places.locate(fx, e, expr))
    return part(named(fx, e.base), width_of(e.base), e.low, width)


def valid(fx: Fx, header: ir.Expr) -> str:
    """The validity of a header, or of any member of a union."""
    found = places.aggregate(fx, header, expr)
    if isinstance(found.type, ir.Union):
        text = " | ".join(f"{found.lvalue}.f_{identifier(f.name)}.valid" for f in found.type.fields)
    else:
        text = f"{found.lvalue}.valid"
    return f"((u32)(({found.guard}) && ({text})))" if found.guard else f"((u32)({text}))"


def _lookahead(fx: Fx, e: ir.Lookahead, width: int) -> str:
    size = (e.offset + width + 7) // 8
    fx.out.line(f"if (unlikely(cursor + {size} > pkt->end)) {fx.fail('PacketTooShort')}")
    first = e.offset // 8
    peek = fx.out.fresh("peek")
    fx.out.line(f"u8 {peek}[{size - first}] ALIGNED;")
    for offset, bytes_ in pieces_of(first, size - first):
        fx.out.line(f"IN{bytes_}({peek}, cursor + {first}, {offset - first});")
    return read_bits(peek, size - first, e.offset - 8 * first, width)


def _equal_places(fx: Fx, left: ir.Expr, right: ir.Expr) -> str:
    a, b = places.aggregate(fx, left, expr), places.aggregate(fx, right, expr)
    return _equal(fx, a.lvalue, b.lvalue, a.type)


def _equal(fx: Fx, a: str, b: str, kind: ir.Type) -> str:
    match kind:
        case ir.Bits():
            return equal(a, b, kind.width)
        case ir.Header():
            return f"({a}.valid == {b}.valid && (!{a}.valid || ({_equal_fields(fx, a, b, kind)})))"
        case ir.Stack():
            return " && ".join(_equal(fx, f"{a}.e[{i}]", f"{b}.e[{i}]", kind.element) for i in range(kind.size))
        case ir.Struct() | ir.Union():
            names = [(f"f_{identifier(f.name)}", f.type) for f in kind.fields]
            return " && ".join(_equal(fx, f"{a}.{n}", f"{b}.{n}", t) for n, t in names) or "1"
        case ir.Varbit():
            size = max(1, (kind.max_width + 7) // 8)
            return f"same_bytes({a}.v, {a}.size, {b}.v, {b}.size, {size})"


def _equal_fields(fx: Fx, a: str, b: str, header: ir.Header) -> str:
    layout = fx.types.layout(header)
    step = 64
    bits = header.fixed_width
    parts = []
    for offset in range(0, bits, step):
        width = min(step, bits - offset)
        x, y = (read_bits(f"{s}.b", layout.size, offset, width) for s in (a, b))
        parts.append(f"{x} == {y}")
    varbits = [f.type for f in header.fields if isinstance(f.type, ir.Varbit)]
    parts += [_equal(fx, f"{a}.var", f"{b}.var", v) for v in varbits]
    return " && ".join(parts) or "1"
