"""Calls of v1model's extern functions and methods, and of packet_in and packet_out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.lower_env import Aggregate, ExternInstance, LowerError, PacketObject, Value
from rackplane.compiler.frontend.lower_fold import binary, bits_of, cast, constant
from rackplane.compiler.frontend.lower_objects import ObjectLowerer
from rackplane.compiler.frontend.lower_types import natural

FUNCTIONS = frozenset(
    [
        "mark_to_drop",
        "hash",
        "digest",
        "random",
        "clone",
        "clone_preserving_field_list",
        "resubmit_preserving_field_list",
        "recirculate_preserving_field_list",
        "truncate",
        "assert",
        "assume",
        "log_msg",
        "verify_checksum",
        "update_checksum",
        "verify_checksum_with_payload",
        "update_checksum_with_payload",
    ]
)
_REPLACED = {
    "clone3": "clone_preserving_field_list",
    "resubmit": "resubmit_preserving_field_list",
    "recirculate": "recirculate_preserving_field_list",
}
METHODS = frozenset(
    [
        "register.read",
        "register.write",
        "counter.count",
        "direct_counter.count",
        "meter.execute_meter",
        "direct_meter.read",
    ]
)


class ExternLowerer(ObjectLowerer):
    """Extern calls."""

    def _call_extern(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        name = resolved.name
        if name == "verify":
            self._verify(e, resolved)
            return None
        if name == "static_assert":
            return self._static_assert(e, resolved)
        if name in _REPLACED:
            instead = f"use {_REPLACED[name]}, with @field_list on the metadata fields to keep"
            raise LowerError(f"the deprecated '{name}' has no code on any target: {instead}", e.span)
        if name not in FUNCTIONS:
            raise LowerError(f"v1model has no extern function '{name}'", e.span)
        arguments, after = self._extern_arguments(resolved)
        instance = self._digest(e, resolved) if name == "digest" else None
        self._emit(ir.CallExtern(name, arguments, instance, e.span))
        self._finish(after, e.span)
        return None

    def _extern_method(self, e: ast.Call, resolved: ast.Resolved, instance: ExternInstance) -> Value | None:
        name = f"{instance.type}.{resolved.name}"
        if name not in METHODS:
            raise LowerError(f"v1model has no method '{name}'", e.span)
        arguments, after = self._extern_arguments(resolved)
        if name == "direct_meter.read":
            self._meter_result(instance, arguments)
        self._emit(ir.CallExtern(name, arguments, instance.name, e.span))
        self._finish(after, e.span)
        return None

    def _meter_result(self, instance: ExternInstance, arguments: tuple[ir.Argument, ...]) -> None:
        meters = self._program.collected.meters
        meter = meters[instance.name]
        if meter.result is None and isinstance(arguments[0], _PLACES):
            meters[instance.name] = replace(meter, result=arguments[0])

    def _extern_arguments(
        self, resolved: ast.Resolved
    ) -> tuple[tuple[ir.Argument, ...], list[tuple[ir.Place, ir.Expr]]]:
        """The arguments, and the copies to be made after the call."""
        pairs = list(zip(resolved.parameters, resolved.arguments, strict=True))
        values = self._argument_values(pairs)
        found: list[ir.Argument] = []
        after: list[tuple[ir.Place, ir.Expr]] = []
        for (parameter, argument), value in zip(pairs, values, strict=True):
            span = argument.span if argument is not None else ir.NOWHERE
            if parameter.direction.writes:
                found.append(self._written_argument(parameter, value, span))
            else:
                found.append(self._read_argument(parameter, value, span))
        return tuple(found), after

    def _written_argument(self, parameter: types.Parameter, value: object, span: ir.Span) -> ir.Expr:
        if value is None:
            return self._temporary("unused", self._type(parameter.type, span))
        if isinstance(value, ir.Expr):
            return value
        raise LowerError(f"'{parameter.name}' needs a place", span)

    def _read_argument(self, parameter: types.Parameter, value: object, span: ir.Span) -> ir.Argument:
        if isinstance(value, str):
            return value
        if isinstance(value, Aggregate):
            return self._leaf_values(value)
        if isinstance(value, ir.Expr):
            if isinstance(value.type, ir.Bits):
                return value
            return self._leaf_values(value)
        raise LowerError(f"there is no argument for '{parameter.name}'", span)

    def _finish(self, after: list[tuple[ir.Place, ir.Expr]], span: ir.Span) -> None:
        for target, value in after:
            self._emit(ir.Assign(target, value, span))

    def _digest(self, e: ast.Call, resolved: ast.Resolved) -> str:
        data = resolved.arguments[-1]
        if data is None:
            raise LowerError("a digest needs data", e.span)
        t = natural(self._frame.type_of(resolved.parameters[-1].type))
        found = self._type(t, data.span)
        struct = found if isinstance(found, ir.Struct) else ir.Struct("", (ir.Field("f0", found),))
        name = self._digest_name(t)
        notes: tuple[ir.Annotation, ...] = ()
        if isinstance(t, types.Composite) and isinstance(t.declaration, ast.Declaration):
            notes = tuple(t.declaration.annotations)
        self._program.collected.digests[name] = ir.Digest(name, struct, notes, spec=self._program.types.spec(t))
        return name

    def _verify(self, e: ast.Call, resolved: ast.Resolved) -> None:
        condition, error = resolved.arguments
        if condition is None or error is None:
            raise LowerError("'verify' needs a condition and an error", e.span)
        holds = self._scalar(condition)
        code = self._scalar(error)
        if isinstance(code, ir.Const):
            self._emit(ir.Verify(holds, code.value, e.span))
            return
        for index in range(len(self._program.errors)):
            other = ir.Binary(ir.BinaryOp.NE, code, constant(index, bits_of(code)), ir.BOOL)
            self._emit(ir.Verify(binary("||", holds, other, ir.BOOL), index, e.span))

    def _static_assert(self, e: ast.Call, resolved: ast.Resolved) -> Value:
        check = resolved.arguments[0]
        holds = self._scalar(check) if check is not None else None
        if not isinstance(holds, ir.Const):
            raise LowerError("the condition of 'static_assert' must be known at compile time", e.span)
        if not holds.value:
            text = resolved.arguments[1] if len(resolved.arguments) > 1 else None
            message = text.value if text is not None and isinstance(text.value, str) else "it is false"
            raise LowerError(f"static_assert failed: {message}", e.span)
        return holds

    # Packets

    def _packet_method(self, e: ast.Call, resolved: ast.Resolved, packet: PacketObject) -> Value | None:
        return _PACKET[resolved.name](self, e, resolved)

    def _extract(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        header = resolved.arguments[0]
        t = self._frame.type_of(resolved.parameters[0].type)
        if header is None:
            raise LowerError("'extract' needs a header", e.span)
        if isinstance(header, ast.Anything):
            self._skip(e, t)
            return None
        if not types.is_header(types.underlying(t)):
            raise LowerError(f"'extract' fills a header, not {t}", header.span)
        place = self._fixed_place(header)
        bits = (
            self._scalar(resolved.arguments[1]) if len(resolved.arguments) > 1 and resolved.arguments[1] else None
        )
        self._check_varbit(place, bits, e)
        self._emit(ir.Extract(place, bits, e.span))
        return None

    def _check_varbit(self, place: ir.Expr, bits: ir.Expr | None, e: ast.Call) -> None:
        t = place.type
        has_varbit = isinstance(t, ir.Header) and any(isinstance(f.type, ir.Varbit) for f in t.fields)
        if has_varbit and bits is None:
            raise LowerError("a header with a varbit field needs the field's size as second argument", e.span)
        if not has_varbit and bits is not None:
            raise LowerError("only a header with a varbit field takes a size", e.span)

    def _skip(self, e: ast.Call, t: types.Type) -> None:
        width = types.bit_width(t)
        if width is None or not types.is_header(types.underlying(t)):
            raise LowerError(f"'extract(_)' skips a header, not {t}", e.span)
        self._emit(ir.Advance(constant(width, ir.Bits(32)), e.span))

    def _lookahead(self, e: ast.Call, resolved: ast.Resolved) -> Value:
        t = self._type(resolved.result, e.span)
        value, _ = self._looked(t, 0, e.span)
        return value

    def _looked(self, t: ir.Type, offset: int, span: ir.Span) -> tuple[Value, int]:
        if isinstance(t, ir.Bits):
            return ir.Lookahead(t, offset), offset + t.width
        if isinstance(t, ir.Struct | ir.Header):
            parts: list[Value] = []
            for field in t.fields:
                part, offset = self._looked(field.type, offset, span)
                parts.append(part)
            return Aggregate(t, tuple(parts)), offset
        if isinstance(t, ir.Stack) and isinstance(t.element, ir.Header):
            elements: list[Value] = []
            for _ in range(t.size):
                part, offset = self._looked(t.element, offset, span)
                elements.append(part)
            return Aggregate(t, tuple(elements)), offset
        raise LowerError("'lookahead' reads numbers, headers and structs of them", span)

    def _advance(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        bits = resolved.arguments[0]
        if bits is None:
            raise LowerError("'advance' needs a number of bits", e.span)
        self._emit(ir.Advance(cast(self._scalar(bits), ir.Bits(32)), e.span))
        return None

    def _length(self, e: ast.Call, resolved: ast.Resolved) -> Value:
        return ir.PacketLength()

    def _emit_header(self, e: ast.Call, resolved: ast.Resolved) -> Value | None:
        header = resolved.arguments[0]
        if header is None:
            raise LowerError("'emit' needs a header", e.span)
        value = self._value(header)
        self._emit_value(value, e)
        return None

    def _emit_value(self, value: Value, e: ast.Call) -> None:
        if isinstance(value, Aggregate) and isinstance(value.type, ir.Struct):
            for part in value.parts or ():
                self._emit_value(part, e)
            return
        place = self._materialized(value, e.span)
        if isinstance(place.type, ir.Bits | ir.Varbit):
            raise LowerError("'emit' takes headers, header unions, stacks and structs of them", e.span)
        self._emit(ir.Emit(place, e.span))


_PLACES = (ir.Var, ir.Member, ir.Element, ir.StackNext, ir.StackLast, ir.Slice)

_PACKET: dict[str, Callable[[Any, ast.Call, ast.Resolved], Value | None]] = {
    "extract": ExternLowerer._extract,
    "lookahead": ExternLowerer._lookahead,
    "advance": ExternLowerer._advance,
    "length": ExternLowerer._length,
    "emit": ExternLowerer._emit_header,
}
