"""Updates that differ from an accepted one only in their values.

Controllers write entries by the thousand that have the same bytes but for match values and action parameters.
From the first update of such a kind, which the ordinary way has checked and accepted, a template remembers where
its values lie and where they go in the kernel's key and value. An update that equals the template elsewhere, and
whose values fit, needs no decoding. Whatever is odd about an update, the template declines it, and the
ordinary way says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from finsy.proto import p4r

from rackplane.compiler.manifest import ActionLayout, KeyField, ParamField, TableKind, TableLayout
from rackplane.switch.entries import Entry
from rackplane.switch.errors import RequestError
from rackplane.switch.p4runtime import wire
from rackplane.switch.tables import Table

MAX_PER_LENGTH = 4
MAX_TEMPLATES = 256


@dataclass(frozen=True)
class _Hole:
    """A value inside an update: its bytes lie at start..end."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self.end - self.start


@dataclass
class _Shape:
    """Where the parts of an update lie."""

    kind: int = 0
    entity: int = 0
    table_id: int = 0
    action_id: int = 0
    prefix_len: int = -1
    matches: dict[int, _Hole] | None = None
    params: dict[int, _Hole] | None = None


class _Odd(Exception):
    """The update has something that templates do not handle."""


class Template:
    """One kind of update of one HASH or LPM table."""

    def __init__(self, update: bytes, shape: _Shape, table: Table) -> None:
        layout = table.layout
        holes, params = shape.matches or {}, shape.params or {}
        action = next((a for a in layout.actions if a.id == shape.action_id), None)
        snapshot = table.direct.meters is not None or table.direct.idle is not None
        if shape.kind == p4r.Update.MODIFY and snapshot:
            raise _Odd
        self._table = table
        self._kind = shape.kind
        self._entity = shape.entity
        self._action_id = shape.action_id
        self._fixed = _between(update, [*holes.values(), *params.values()])
        self._bounds = [_bounds(holes[f.id], f.width) for f in layout.keys if f.id in holes]
        self._head, self._parts = _key_parts(layout, holes, shape.prefix_len)
        self._lpm = _host_bits(layout, holes, shape.prefix_len)
        self._number, self._gap = b"", b""
        self._values: list[tuple[int, int, bytes]] = []
        if shape.kind != p4r.Update.DELETE:
            if action is None:
                raise _Odd
            self._bounds += [_bounds(params[p.id], p.width) for p in action.params]
            self._number = (layout.actions.index(action) + 1).to_bytes(4, "little")
            self._gap, self._values = _value_parts(action, params, layout.value_size)

    def apply(self, update: bytes) -> bool:
        """Do the update; False when it is not of this kind, or would be refused."""
        for start, end, content in self._fixed:
            if update[start:end] != content:
                return False
        for at, low, high in self._bounds:
            if not low <= update[at] <= high:
                return False
        if self._lpm:
            start, end, host_bits = self._lpm
            if int.from_bytes(update[start:end], "big") & host_bits:
                return False
        key = self._head
        for start, end, padding in self._parts:
            key += update[start:end] + padding
        if self._kind == p4r.Update.INSERT:
            return self._insert(key, update)
        old = self._table.entries.get(key)
        if old is None or old.const:
            return False
        if self._kind == p4r.Update.DELETE:
            self._table.take_out(key, old)
        else:
            value = self._value(update, old.handle)
            self._table.put_in(key, Entry(update[self._entity :], value, self._action_id, 0, old.handle), old)
        return True

    def _insert(self, key: bytes, update: bytes) -> bool:
        table = self._table
        if key in table.entries or len(table.entries) >= table.layout.size:
            return False
        handle = table.direct.take()
        value = self._value(update, handle)
        table.put_in(key, Entry(update[self._entity :], value, self._action_id, 0, handle), None)
        return True

    def _value(self, update: bytes, handle: int) -> bytes:
        value = self._number + handle.to_bytes(4, "little") + self._gap
        for start, before, padding in self._values:
            value += update[start:before:-1] + padding
        return value


class Templates:
    """The templates of a program, by the length of the update."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[tuple[Table, Template]]] = {}
        self._count = 0

    def apply(self, update: bytes) -> Table | None:
        """Do the update by a template and return its table; None when no template takes it."""
        for table, template in self._by_length.get(len(update), ()):
            if template.apply(update):
                return table
        return None

    def learn(self, update: bytes, table: Table) -> None:
        """Remember an update that was accepted; nothing when it is not of a kind that templates handle."""
        known = self._by_length.setdefault(len(update), [])
        if self._count >= MAX_TEMPLATES or len(known) >= MAX_PER_LENGTH:
            return
        self._count += 1
        if table.layout.kind not in (TableKind.HASH, TableKind.LPM) or table.constant:
            return
        try:
            known.append((table, Template(update, _survey(update), table)))
        except (_Odd, RequestError, KeyError):
            return


def _between(update: bytes, holes: list[_Hole]) -> list[tuple[int, int, bytes]]:
    fixed, at = [], 0
    for hole in sorted(holes, key=lambda h: h.start):
        fixed.append((at, hole.start, update[at : hole.start]))
        at = hole.end
    if at < len(update):
        fixed.append((at, len(update), update[at:]))
    return fixed


def _bounds(hole: _Hole, width: int) -> tuple[int, int, int]:
    """Return what the first byte of a canonical value of this length can be."""
    highest = min((1 << width) - 1, (1 << 8 * hole.size) - 1) >> 8 * (hole.size - 1)
    return hole.start, 0 if hole.size == 1 else 1, highest


def _key_parts(
    layout: TableLayout, holes: dict[int, _Hole], prefix_len: int
) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    """Return the key's constant beginning, and each value with the zero bytes that follow it."""
    if layout.kind is TableKind.LPM:
        field = layout.keys[-1]
        bits = 8 * (field.offset + field.size) - field.width + max(prefix_len, 0)
        text, total = bits.to_bytes(4, "little"), (layout.key_size + 3) // 4 * 4
    else:
        text, total = b"", layout.key_size
    parts: list[tuple[int, int, bytes]] = []
    head = text
    for number, field in enumerate(layout.keys):
        following = layout.keys[number + 1] if number + 1 < len(layout.keys) else None
        after = bytes(_leading(following, holes) if following else total - field.offset - field.size)
        hole = holes.get(field.id)
        if number == 0:
            head += bytes(_leading(field, holes))
        if hole is not None:
            parts.append((hole.start, hole.end, after))
        elif parts:
            parts[-1] = (*parts[-1][:2], parts[-1][2] + after)
        else:
            head += after
    return head, parts


def _leading(field: KeyField, holes: dict[int, _Hole]) -> int:
    """Return how many zero bytes stand in front of a field's value: all of it when it is left out."""
    hole = holes.get(field.id)
    if hole is None and field.kind != "lpm":
        raise _Odd
    size = hole.size if hole else 0
    if size > field.size:
        raise _Odd
    return field.size - size


def _host_bits(layout: TableLayout, holes: dict[int, _Hole], prefix_len: int) -> tuple[int, int, int] | None:
    field = layout.keys[-1]
    hole = holes.get(field.id)
    if layout.kind is not TableKind.LPM or hole is None or prefix_len == field.width:
        return None
    return hole.start, hole.end, (1 << field.width - prefix_len) - 1


def _value_parts(
    action: ActionLayout, params: dict[int, _Hole], value_size: int
) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    """Return the zero bytes after the handle, and each parameter: reversed slice, and the zero bytes after it."""
    ordered: list[ParamField] = sorted(action.params, key=lambda p: p.offset)
    if params.keys() != {p.id for p in ordered}:
        raise _Odd
    if not ordered:
        return bytes(value_size - 8), []
    ends = [p.offset for p in ordered[1:]] + [value_size]
    parts = []
    for param, end in zip(ordered, ends, strict=True):
        hole = params[param.id]
        if hole.size > param.size:
            raise _Odd
        parts.append((hole.end - 1, hole.start - 1, bytes(end - param.offset - hole.size)))
    return bytes(ordered[0].offset - 8), parts


def _survey(update: bytes) -> _Shape:
    """Find the parts of a serialized p4r.Update; _Odd when there are any but the usual ones."""
    shape = _Shape(matches={}, params={})
    for number, kind, start, end in wire.fields(update, 0, len(update)):
        if (number, kind) == (1, wire.VARINT):
            shape.kind = wire.number(update, start)
        elif (number, kind) == (2, wire.LENGTH) and end == len(update) and not shape.entity:
            shape.entity = start
            _survey_entity(update, start, end, shape)
        else:
            raise _Odd
    return shape


def _survey_entity(update: bytes, start: int, end: int, shape: _Shape) -> None:
    ((number, kind, start, end),) = _only(update, start, end, 1)
    if (number, kind) != (2, wire.LENGTH):
        raise _Odd
    seen: set[int] = set()
    for number, kind, content, after in wire.fields(update, start, end):
        if number != 2 and number in seen:
            raise _Odd
        seen.add(number)
        if (number, kind) == (1, wire.VARINT):
            shape.table_id = wire.number(update, content)
        elif (number, kind) == (2, wire.LENGTH):
            _survey_match(update, content, after, shape)
        elif (number, kind) == (3, wire.LENGTH):
            _survey_action(update, content, after, shape)
        elif (number, kind) != (11, wire.LENGTH):
            raise _Odd


def _survey_match(update: bytes, start: int, end: int, shape: _Shape) -> None:
    (id_field, value_field) = _only(update, start, end, 2)
    if id_field[:2] != (1, wire.VARINT) or value_field[1] != wire.LENGTH:
        raise _Odd
    number, parts = value_field[0], list(wire.fields(update, value_field[2], value_field[3]))
    if number == 4 and len(parts) == 2 and parts[1][:2] == (2, wire.VARINT):
        shape.prefix_len = wire.number(update, parts[1][2])
    elif number != 2 or len(parts) != 1:
        raise _Odd
    _fill(shape.matches, wire.number(update, id_field[2]), parts[0])


def _survey_action(update: bytes, start: int, end: int, shape: _Shape) -> None:
    ((number, kind, start, end),) = _only(update, start, end, 1)
    if (number, kind) != (1, wire.LENGTH):
        raise _Odd
    for number, kind, content, after in wire.fields(update, start, end):
        if (number, kind) == (1, wire.VARINT) and not shape.action_id:
            shape.action_id = wire.number(update, content)
        elif (number, kind) == (4, wire.LENGTH):
            id_field, value_field = _only(update, content, after, 2)
            if id_field[:2] != (2, wire.VARINT) or value_field[:2] != (3, wire.LENGTH):
                raise _Odd
            _fill(shape.params, wire.number(update, id_field[2]), (1, *value_field[1:]))
        else:
            raise _Odd


def _only(update: bytes, start: int, end: int, count: int) -> list[tuple[int, int, int, int]]:
    found = list(wire.fields(update, start, end))
    if len(found) != count:
        raise _Odd
    return found


def _fill(holes: dict[int, _Hole] | None, number: int, field: tuple[int, int, int, int]) -> None:
    if holes is None or number in holes or field[:2] != (1, wire.LENGTH) or field[2] == field[3]:
        raise _Odd
    holes[number] = _Hole(field[2], field[3])
