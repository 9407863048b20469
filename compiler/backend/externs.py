"""v1model's extern functions and methods in C."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend import checksums, digests, meters
from rackplane.compiler.backend.access import WORD, equal, is_wide, number, part, value_type
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.exprs import condition, expr, named, widened, width_of
from rackplane.compiler.backend.paths import list_number
from rackplane.compiler.backend.places import locate, write
from rackplane.compiler.errors import CompileErrors

DROP_PORT = 511
LAST_CELL = 0xFFFFFFFF


@dataclass(frozen=True)
class Call:
    """One call with typed access to its arguments."""

    stmt: ir.CallExtern

    def one(self, position: int) -> ir.Expr:
        """The argument at a position, which has to be a single expression."""
        argument = self.stmt.arguments[position] if position < len(self.stmt.arguments) else None
        if isinstance(argument, tuple) and len(argument) == 1:
            return argument[0]
        if argument is None or isinstance(argument, tuple | str):
            raise CompileErrors.at(
                f"argument {position + 1} of {self.stmt.name} has to be a number", self.stmt.span
            )
        return argument

    def many(self, position: int) -> tuple[ir.Expr, ...]:
        """The argument at a position as the leaf expressions of a list."""
        argument = self.stmt.arguments[position]
        if isinstance(argument, str):
            raise CompileErrors.at(f"argument {position + 1} of {self.stmt.name} has to be a list", self.stmt.span)
        return argument if isinstance(argument, tuple) else (argument,)

    def constant(self, position: int) -> int:
        """The argument at a position as a compile-time constant."""
        e = self.one(position)
        if not isinstance(e, ir.Const):
            raise CompileErrors.at(
                f"argument {position + 1} of {self.stmt.name} has to be constant", self.stmt.span
            )
        return e.value

    @property
    def instance(self) -> str:
        """The extern instance of a method call."""
        if self.stmt.instance is None:
            raise CompileErrors.at(f"{self.stmt.name} needs an instance", self.stmt.span)
        return self.stmt.instance


def _store(fx: Fx, target: ir.Expr, value: str) -> None:
    write(fx, locate(fx, target, expr), value)


def register_array(fx: Fx, name: str) -> str:
    """The C array of a register."""
    position = list(fx.facts.pipeline.registers).index(name)
    return f"r{position}"


def counter_map(fx: Fx, name: str) -> str:
    """The C map of an indirect counter."""
    position = list(fx.facts.pipeline.counters).index(name)
    return f"c{position}"


def _index(fx: Fx, e: ir.Expr) -> str:
    """An index whose own comparison with the size is the one that the verifier sees."""
    name = fx.out.fresh("index")
    fx.out.line(f"u64 {name} = {expr(fx, e)}; OPAQUE({name});")
    return name


def _register_read(fx: Fx, call: Call) -> None:
    register = fx.facts.pipeline.registers[call.instance]
    index = _index(fx, call.one(1))
    array = register_array(fx, call.instance)
    width = register.type.width
    value = f"({index} < {register.size} ? {array}[{index}] : {number(0, width)})"
    _store(fx, call.one(0), value if is_wide(width) else f"(({value_type(width)}){value})")


def _register_write(fx: Fx, call: Call) -> None:
    register = fx.facts.pipeline.registers[call.instance]
    index = _index(fx, call.one(0))
    value = expr(fx, call.one(1))
    array = register_array(fx, call.instance)
    fx.out.line(f"if ({index} < {register.size}) {array}[{index}] = {value};")


def _cell(fx: Fx, e: ir.Expr) -> str:
    """An index of a map as u32: one that does not fit becomes the largest, which no map has."""
    width = width_of(e)
    if is_wide(width):
        raise unsupported(f"an index of {width} bits")
    if width <= 32:
        return expr(fx, e)
    name = named(fx, e)
    return f"({name} > {LAST_CELL:#x} ? {LAST_CELL:#x}u : (u32){name})"


def _count(fx: Fx, call: Call) -> None:
    fx.out.line(f"count(&{counter_map(fx, call.instance)}, {_cell(fx, call.one(0))}, pkt->length);")


def _execute_meter(fx: Fx, call: Call) -> None:
    meters.execute(fx, call.instance, _cell(fx, call.one(0)), call.one(1))


def _read_meter(fx: Fx, call: Call) -> None:
    meters.read_direct(fx, call.instance, call.one(0))


def _nothing(fx: Fx, call: Call) -> None:
    """direct_counter.count: the table counts at every hit, whichever action runs, as BMv2 does."""


def _mark_to_drop(fx: Fx, call: Call) -> None:
    fx.out.line(f"phv->sm.f_egress_spec = {DROP_PORT};")
    fx.out.line("phv->sm.f_mcast_grp = 0;")


def _clone(fx: Fx, call: Call) -> None:
    _only_in(fx, call, ("ingress", "egress")[call.constant(0)])
    session = expr(fx, call.one(1))
    kept = _field_list(fx, call, 2) if len(call.stmt.arguments) > 2 else 0
    fx.out.line(f"phv->path.clone = SESSION({session}); phv->path.clone_list = {kept};")


def _resubmit(fx: Fx, call: Call) -> None:
    _only_in(fx, call, "ingress")
    fx.out.line(f"phv->path.again = {1 + _field_list(fx, call, 0)};")


def _recirculate(fx: Fx, call: Call) -> None:
    _only_in(fx, call, "egress")
    fx.out.line(f"phv->path.again = {1 + _field_list(fx, call, 0)};")


def _only_in(fx: Fx, call: Call, block: str) -> None:
    if fx.block != block:
        name = call.stmt.name.removesuffix("_preserving_field_list")
        kind = {"ingress": "I2E, ...", "egress": "E2E, ..."}[block] if name == "clone" else ""
        raise CompileErrors.at(f"{name}({kind}) can be called in {block} only, not in {fx.block}", call.stmt.span)


def _field_list(fx: Fx, call: Call, position: int) -> int:
    return list_number(fx.facts.pipeline, call.constant(position))


def _truncate(fx: Fx, call: Call) -> None:
    if fx.block not in {"ingress", "egress"}:
        raise CompileErrors.at(
            f"truncate() can be called in ingress and egress only, not in {fx.block}", call.stmt.span
        )
    fx.out.line(f"shorten(&phv->path, {expr(fx, call.one(0))});")


def _low_word(fx: Fx, e: ir.Expr) -> str:
    """The low 64 bits of a number, which is what BMv2 takes of bounds."""
    return part(named(fx, e), width_of(e), 0, WORD) if is_wide(width_of(e)) else expr(fx, e)


def _random(fx: Fx, call: Call) -> None:
    """A lower bound above the upper one leaves the result as it is (BMv2)."""
    width = width_of(call.one(0))
    low, high = (fx.out.temp("u64", _low_word(fx, call.one(n))) for n in (1, 2))
    with fx.out.block(f"if ({low} <= {high})"):
        _store(fx, call.one(0), widened(f"random_between({low}, {high})", width))


def _hash(fx: Fx, call: Call) -> None:
    value = checksums.hash_of_values(fx, call.constant(1), call.many(3))
    base, limit = _low_word(fx, call.one(2)), _low_word(fx, call.one(4))
    _store(fx, call.one(0), widened(f"hash_between({value}, {base}, {limit})", width_of(call.one(0))))


def _verify_checksum(fx: Fx, call: Call) -> None:
    with fx.out.block(f"if ({condition(fx, call.one(0))})"):
        with_payload = call.stmt.name.endswith("_with_payload")
        width = width_of(call.one(2))
        value = checksums.value(fx, call.constant(3), call.many(1), with_payload)
        fresh = fx.out.temp(value_type(width), widened(value, width))
        fx.out.line(f"if (!({equal(fresh, named(fx, call.one(2)), width)})) phv->sm.f_checksum_error = 1;")


def _update_checksum(fx: Fx, call: Call) -> None:
    with fx.out.block(f"if ({condition(fx, call.one(0))})"):
        with_payload = call.stmt.name.endswith("_with_payload")
        width = width_of(call.one(2))
        value = checksums.value(fx, call.constant(3), call.many(1), with_payload)
        _store(fx, call.one(2), widened(value, width))


def _assert(fx: Fx, call: Call) -> None:
    """assert() and assume(): a packet that they do not hold for is dropped and counted. BMv2 ends the switch."""
    release = f"{fx.locked} " if fx.locked else ""
    fx.out.line(f"if (unlikely(!{condition(fx, call.one(0))})) {{ {release}{fx.exit_with('DROP_ASSERTION')} }}")


def _digest(fx: Fx, call: Call) -> None:
    digests.send(fx, call.stmt, call.many(1) if len(call.stmt.arguments) > 1 else ())


_CALLS: dict[str, Callable[[Fx, Call], None]] = {
    "register.read": _register_read,
    "register.write": _register_write,
    "counter.count": _count,
    "direct_counter.count": _nothing,
    "digest": _digest,
    "meter.execute_meter": _execute_meter,
    "direct_meter.read": _read_meter,
    "mark_to_drop": _mark_to_drop,
    "clone": _clone,
    "clone_preserving_field_list": _clone,
    "resubmit_preserving_field_list": _resubmit,
    "recirculate_preserving_field_list": _recirculate,
    "truncate": _truncate,
    "random": _random,
    "hash": _hash,
    "verify_checksum": _verify_checksum,
    "verify_checksum_with_payload": _verify_checksum,
    "update_checksum": _update_checksum,
    "update_checksum_with_payload": _update_checksum,
    "assert": _assert,
    "assume": _assert,
    "log_msg": _nothing,
}


def call(fx: Fx, stmt: ir.CallExtern) -> None:
    """Statements for one extern call."""
    handler = _CALLS.get(stmt.name)
    if handler is None:
        raise unsupported(f"{stmt.name}()", stmt.span)
    handler(fx, Call(stmt))
