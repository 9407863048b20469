"""Actions of a table entry <-> bytes of the kernel's value (compiler/manifest.py gives the layout)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Protocol

from finsy.proto import p4i, p4r

from rackplane.compiler.manifest import ActionLayout, ParamField
from rackplane.switch import codec
from rackplane.switch.errors import BundleError, Code, RequestError, invalid

_FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_HEADER_SIZE = 8

Scope = p4i.ActionRef.Scope


class _ActionCodec:
    """One action of one table: packs its number, an entry's handle and the parameters in one go."""

    def __init__(self, layout: ActionLayout, number: int, value_size: int) -> None:
        self.layout = layout
        self.number = number
        ordered = sorted(layout.params, key=lambda p: p.offset)
        self.slots = {p.id: (i, p.width, f"parameter {p.name} of {layout.name}") for i, p in enumerate(ordered)}
        self._wide = {i: p.size for i, p in enumerate(ordered) if p.size not in _FORMATS}
        text, at = "<II", _HEADER_SIZE
        for param in ordered:
            _check_place(param, layout, at, value_size)
            text += f"{param.offset - at}x{_FORMATS.get(param.size, f'{param.size}s')}"
            at = param.offset + param.size
        self._struct = struct.Struct(f"{text}{value_size - at}x")

    def pack(self, handle: int, values: Sequence[int]) -> bytes:
        """Return the kernel value; `values` are in the order of offsets."""
        if not self._wide:
            return self._struct.pack(self.number, handle, *values)
        mixed: list[int | bytes] = list(values)
        for i, size in self._wide.items():
            mixed[i] = values[i].to_bytes(size, "little")
        return self._struct.pack(self.number, handle, *mixed)


def _check_place(param: ParamField, action: ActionLayout, at: int, value_size: int) -> None:
    """Refuse a parameter that lies over the one before it (which ends at `at`), or beyond the value."""
    what = f"parameter {param.name} of {action.name} ({param.width} bits in {param.size} bytes at {param.offset})"
    if param.offset < at:
        raise BundleError(f"{what} overlaps what is before it in the value")
    if not 0 < param.width <= 8 * param.size or param.offset + param.size > value_size:
        raise BundleError(f"{what} does not fit into a value of {value_size} bytes")


class ActionHolder(Protocol):
    """A table or an action profile: what has values with actions."""

    @property
    def name(self) -> str:
        """Its control-plane name."""

    @property
    def value_size(self) -> int:
        """The size of a value."""

    @property
    def actions(self) -> tuple[ActionLayout, ...]:
        """Its actions; their position + 1 is their number."""


class ActionCodecs:
    """All actions of a table or of an action profile."""

    def __init__(self, layout: ActionHolder, scopes: dict[int, Scope.ValueType]) -> None:
        self._layout = layout
        self._scopes = scopes
        self._by_id = {
            a.id: _ActionCodec(a, number, layout.value_size) for number, a in enumerate(layout.actions, start=1)
        }

    def decode(self, action: p4r.Action, handle: int, default: bool = False) -> bytes:
        """Return the kernel value of an action with its parameters; rewrites long strings in place."""
        chosen = self._by_id.get(action.action_id)
        if chosen is None:
            raise invalid(self._unknown(action.action_id))
        if self._scopes.get(action.action_id):
            self._check_scope(chosen.layout, default)
        slots = chosen.slots
        values: list[int] = [-1] * len(slots)
        for param in action.params:
            data = param.value
            try:
                slot, width, label = slots[param.param_id]
            except KeyError:
                raise invalid(f"action {chosen.layout.name} has no parameter {param.param_id}") from None
            value = int.from_bytes(data, "big")
            if not data or value >> width:
                raise codec.out_of_range(data, width, label)
            if values[slot] >= 0:
                raise invalid(f"{label} is given twice")
            if not data[0] and len(data) > 1:
                param.value = codec.encode(value)
            values[slot] = value
        if -1 in values:
            raise invalid(self._missing(chosen, values))
        return chosen.pack(handle, values)

    def initial(self, index: int, params: Sequence[int], handle: int) -> tuple[bytes, p4r.Action]:
        """Return the kernel value and message of an action that the program itself names by its index."""
        layout = self._layout.actions[index]
        if len(params) != len(layout.params) or any(
            not 0 <= value < 1 << param.width for param, value in zip(layout.params, params, strict=False)
        ):
            raise BundleError(f"{self._layout.name}: {list(params)} are no parameters of {layout.name}")
        message = p4r.Action(action_id=layout.id)
        for param, value in zip(layout.params, params, strict=True):
            message.params.add(param_id=param.id, value=codec.encode(value))
        chosen = self._by_id[layout.id]
        by_offset = sorted(zip(layout.params, params, strict=True), key=lambda pair: pair[0].offset)
        return chosen.pack(handle, [value for _, value in by_offset]), message

    def _check_scope(self, action: ActionLayout, default: bool) -> None:
        scope = self._scopes[action.id]
        if default and scope == Scope.TABLE_ONLY:
            raise RequestError(
                Code.PERMISSION_DENIED, f"action {action.name} may not be the default action (@tableonly)"
            )
        if not default and scope == Scope.DEFAULT_ONLY:
            raise RequestError(
                Code.PERMISSION_DENIED, f"action {action.name} may only be the default (@defaultonly)"
            )

    def _unknown(self, action_id: int) -> str:
        if not action_id:
            return "no action is given"
        known = ", ".join(f"{a.id} ({a.name})" for a in self._layout.actions)
        return f"action {action_id} is not one of this table's: {known}"

    @staticmethod
    def _missing(chosen: _ActionCodec, values: Sequence[int]) -> str:
        labels = [label for slot, _, label in chosen.slots.values() if values[slot] < 0]
        return f"{labels[0]} is missing"
