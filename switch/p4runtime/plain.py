"""Plain updates of tables: decoded many at a time, without a message object for each (switch/native/updates.c).

Controllers write entries by the thousand that have nothing unusual: exact and lpm keys, an action, canonical
values. Whatever is odd about an update, or would be refused, is left to the ordinary way, which also says
why.
"""

from __future__ import annotations

import ctypes as ct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from finsy.proto import p4r
from numpy.typing import NDArray

from rackplane.compiler.manifest import TableKind
from rackplane.switch import native
from rackplane.switch.entries import Entry
from rackplane.switch.tables import Table

MAX_ITEMS = 64
"""Match fields of a table, and parameters of an action, that the decoder keeps count of."""
MIN_RUN = 4
"""Updates in a row that are worth doing at once."""
_PREFIX_HEAD = 4
_HANDLE = slice(4, 8)
_INSERT, _MODIFY, _DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE


class _Specs(ct.Structure):
    _fields_ = (
        ("tables", ct.c_uint32),
        ("key_stride", ct.c_uint32),
        ("value_stride", ct.c_uint32),
        ("table", ct.c_void_p),
        ("field", ct.c_void_p),
        ("action", ct.c_void_p),
        ("param", ct.c_void_p),
    )


class _Description:
    """The tables as `struct specs`; it keeps alive what that points to."""

    def __init__(self, tables: Sequence[Table]) -> None:
        rows: dict[str, list[tuple[int, ...]]] = {"table": [], "field": [], "action": [], "param": []}
        self.tables = [(table, _identity_size(table), table.layout.value_size) for table in tables]
        for table, key_size, _ in self.tables:
            _describe(table, key_size, rows)
        self._arrays = {name: np.array(found or [()], dtype=np.uint32) for name, found in rows.items()}
        self.key_stride = max((size for _, size, _ in self.tables), default=0)
        self.value_stride = max((size for *_, size in self.tables), default=0)
        pointers = {name: found.ctypes.data for name, found in self._arrays.items()}
        self.specs = _Specs(len(tables), self.key_stride, self.value_stride, **pointers)


def _identity_size(table: Table) -> int:
    layout = table.layout
    return _PREFIX_HEAD + -(-layout.key_size // 4) * 4 if layout.kind is TableKind.LPM else layout.key_size


def _describe(table: Table, key_size: int, rows: dict[str, list[tuple[int, ...]]]) -> None:
    layout, allowed = table.layout, table.entry_actions
    actions = [
        (n, a) for n, a in enumerate(layout.actions, start=1) if a.id in allowed and len(a.params) <= MAX_ITEMS
    ]
    fields, params = rows["field"], rows["param"]
    places = (len(fields), len(layout.keys), len(rows["action"]), len(actions))
    rows["table"].append((layout.id, key_size, layout.value_size, *places, layout.kind is TableKind.LPM))
    fields += [(f.id, f.width, f.offset, f.size, f.kind == "lpm") for f in layout.keys]
    for number, action in actions:
        rows["action"].append((action.id, number, len(params), len(action.params)))
        params += [(p.id, p.width, p.offset, p.size) for p in action.params]


def _is_plain(table: Table) -> bool:
    layout = table.layout
    whole = layout.kind in (TableKind.HASH, TableKind.LPM) and not layout.action_profile
    return whole and not table.constant and 0 < len(layout.keys) <= MAX_ITEMS


@dataclass
class PlainUpdates:
    """Decoded updates of one batch; `tables` with the sizes of their keys and values.

    A row of `found` has the table's position + 1 (0: not plain), type, action id and start of the entity.
    """

    tables: Sequence[tuple[Table, int, int]]
    updates: Sequence[bytes]
    found: list[list[int]]
    keys: bytes
    key_stride: int
    values: bytes
    value_stride: int

    def keys_of(self, start: int, end: int) -> list[bytes]:
        """The keys of updates of one table."""
        size, step, keys = self.tables[self.found[start][0] - 1][1], self.key_stride, self.keys
        return [keys[at : at + size] for at in range(start * step, end * step, step)]

    def entries_of(self, start: int, end: int) -> list[Entry]:
        """The entries, without handles, that updates of one table insert."""
        size, step, values = self.tables[self.found[start][0] - 1][2], self.value_stride, self.values
        texts = [values[at : at + size] for at in range(start * step, end * step, step)]
        rows = self.found[start:end]
        wires = [update[row[3] :] for update, row in zip(self.updates[start:end], rows, strict=True)]
        return [Entry(wire, value, row[2]) for wire, value, row in zip(wires, texts, rows, strict=True)]

    def apply(self, index: int) -> Table | None:
        """Do an update and return its table; None when it is not plain, or would be refused."""
        if not self.found:
            return None
        number, kind, action_id, entity = self.found[index]
        if not number:
            return None
        table, key_size, value_size = self.tables[number - 1]
        at = index * self.key_stride
        key = self.keys[at : at + key_size]
        old = table.entries.get(key)
        if kind == _INSERT:
            if old is not None or len(table.entries) >= table.layout.size:
                return None
            handle = table.direct.take()
        elif old is None or old.const or (kind == _MODIFY and table.direct.follows_modify):
            return None
        elif kind == _DELETE:
            table.take_out(key, old)
            return table
        else:
            handle = old.handle
        at = index * self.value_stride
        value = self.values[at : at + value_size]
        if handle:
            value = value[: _HANDLE.start] + handle.to_bytes(4, "little") + value[_HANDLE.stop :]
        table.put_in(key, Entry(self.updates[index][entity:], value, action_id, 0, handle), old)
        return table


@dataclass
class InsertRuns:
    """Stretches of a batch that insert into one table, done at once where none of them would be refused."""

    plain: PlainUpdates
    _end: int = 0

    def insert(self, start: int) -> tuple[Table, int] | None:
        """Do a stretch that begins at an update; return its table and its end, or None when it cannot be done."""
        plain = self.plain
        if start < self._end or start + MIN_RUN > len(plain.found):
            return None
        number, kind, _, _ = plain.found[start]
        if not number or kind != _INSERT:
            return None
        same = (n for n in range(start, len(plain.found)) if plain.found[n][:2] != [number, kind])
        self._end = next(same, len(plain.found))
        table = plain.tables[number - 1][0]
        keys = plain.keys_of(start, self._end)
        room = table.layout.size - len(table.entries)
        distinct = set(keys)
        if len(keys) < MIN_RUN or len(keys) > room or table.direct.handles is not None:
            return None
        if len(distinct) < len(keys) or not table.entries.keys().isdisjoint(distinct):
            return None
        table.put_all(keys, plain.entries_of(start, self._end))
        return table, self._end


class PlainDecoder:
    """Decodes the plain updates of a program's tables."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._description = _Description([table for table in tables if _is_plain(table)])
        self._decode = native.library().decode_updates

    def decode(self, updates: Sequence[bytes]) -> PlainUpdates:
        """Decode a batch. Of no updates, none is plain."""
        known, count = self._description, len(updates)
        sizes = array("I", map(len, updates))
        found: NDArray[np.uint32] = np.empty((count, 4), dtype=np.uint32)
        keys = ct.create_string_buffer(count * known.key_stride)
        values = ct.create_string_buffer(count * known.value_stride)
        self._decode(
            ct.byref(known.specs),
            b"".join(updates),
            sizes.buffer_info()[0],
            count,
            found.ctypes.data,
            keys,
            values,
        )
        return PlainUpdates(
            known.tables, updates, found.tolist(), keys.raw, known.key_stride, values.raw, known.value_stride
        )
