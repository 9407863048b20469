"""How each table becomes maps: its kind, and the byte layouts of its keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend.access import storage_size
from rackplane.compiler.backend.bucketplan import BucketPlan, plan_buckets
from rackplane.compiler.backend.ctext import identifier
from rackplane.compiler.backend.trieplan import TriePlan, plan_trie
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.ids import field_ids
from rackplane.compiler.manifest import INDIRECT_SIZE, ActionLayout, KeyField, ParamField, TableKind

MAX_CODE_ENTRIES = 256
MAX_MASK_GROUPS = 64
MAX_KEY_BYTES = 240
DEFAULT_SIZE = 1024
VALUE_HEAD = 8


@dataclass(frozen=True)
class TablePlan:
    """A table's C names and layouts. `order` is the position in Table.keys of each KeyField.

    `position` is the table's among the program's; `shared` says that it may be in shared memory.
    """

    table: ir.Table
    name: str
    kind: TableKind
    keys: tuple[KeyField, ...]
    order: tuple[int, ...]
    key_size: int
    value_size: int
    actions: tuple[ActionLayout, ...]
    position: int = 0
    shared: bool = True

    @property
    def size(self) -> int:
        """How many entries the table holds."""
        return self.table.size or max(DEFAULT_SIZE, len(self.table.entries))

    @property
    def entry_size(self) -> int:
        """The size of an entry's value: of its action, or of the number of a member or group."""
        return INDIRECT_SIZE if self.table.implementation else self.value_size

    @property
    def map(self) -> str:
        """The name of the entries' map, or nothing."""
        return "" if self.kind in (TableKind.CODE, TableKind.KEYLESS) else self.name

    @property
    def trie(self) -> TriePlan | None:
        """The trie in shared memory of an LPM table that is not too large for it."""
        lpm = self.shared and self.kind is TableKind.LPM
        return plan_trie(self.key_size, self.entry_size, self.size) if lpm else None

    @property
    def buckets(self) -> BucketPlan | None:
        """The buckets in shared memory of a HASH table that is not too large for them."""
        exact = self.shared and self.kind is TableKind.HASH
        return plan_buckets(self.key_size, self.entry_size, self.size) if exact else None

    @property
    def copies_value(self) -> bool:
        """Whether a lookup is a function that copies the value found."""
        return self.kind is TableKind.TERNARY or self.trie is not None or self.buckets is not None

    @property
    def default_map(self) -> str:
        """The name of the map of all default actions, or nothing when this one is the program's for good."""
        return "" if self.table.const_default or self.table.implementation else "defaults"

    @property
    def counter_map(self) -> str:
        """The name of the map of its direct counter, or nothing."""
        counts = self.table.direct_counter and self.kind is not TableKind.KEYLESS
        return f"{self.name}_count" if counts else ""

    @property
    def meter_map(self) -> str:
        """The name of the map of its direct meter, or nothing."""
        meters = self.table.direct_meter and self.kind is not TableKind.KEYLESS
        return f"{self.name}_meter" if meters else ""

    @property
    def hits_map(self) -> str:
        """The section with the last hit of each entry, or nothing; libbpf cuts its name at 15 characters."""
        return (
            f".bss.hits{self.name.partition('_')[0]}"
            if self.table.idle_timeout and self.kind is not TableKind.KEYLESS
            else ""
        )

    @property
    def has_handles(self) -> bool:
        """Whether the data plane needs to know the handle of the entry that was hit."""
        return bool(self.counter_map or self.meter_map or self.hits_map)

    @property
    def default_action(self) -> int:
        """The position of the program's default action in the table's list."""
        return self.action_index(self.table.default.action)

    def action_index(self, action: str) -> int:
        """The position of an action (by its key in Pipeline.actions) in the table's list."""
        for n, ref in enumerate(self.table.actions):
            if ref.name == action:
                return n
        raise CompileErrors.at(f"action {action} is not in the list of table {self.table.name}", self.table.span)

    def initial_value(self) -> bytes:
        """The value that stands for the program's own default action."""
        value = bytearray(self.value_size)
        index = self.default_action
        value[0:4] = (index + 1).to_bytes(4, "little")
        for param, argument in zip(self.actions[index].params, self.table.default.arguments, strict=True):
            bits = argument & ((1 << param.width) - 1)
            value[param.offset : param.offset + param.size] = bits.to_bytes(param.size, "little")
        return bytes(value)


def _kind(table: ir.Table) -> TableKind:
    kinds = [k.kind for k in table.keys if k.kind is not ir.MatchKind.SELECTOR]
    if not kinds:
        return TableKind.KEYLESS
    if table.const_entries and len(table.entries) <= MAX_CODE_ENTRIES:
        return TableKind.CODE
    if all(k is ir.MatchKind.EXACT for k in kinds):
        return TableKind.HASH
    if kinds.count(ir.MatchKind.LPM) == 1 and kinds.count(ir.MatchKind.EXACT) == len(kinds) - 1:
        return TableKind.LPM
    return TableKind.TERNARY


def _plan_keys(table: ir.Table, kind: TableKind) -> tuple[tuple[KeyField, ...], tuple[int, ...], int]:
    """Place the keys one after the other; of an LPM table the lpm key comes last."""
    matching = [n for n, k in enumerate(table.keys) if k.kind is not ir.MatchKind.SELECTOR]
    ids = field_ids([k.annotations for k in table.keys])
    if kind is TableKind.LPM:
        matching.sort(key=lambda n: table.keys[n].kind is ir.MatchKind.LPM)
    fields, offset = [], 0
    for n in matching:
        key = table.keys[n]
        size = (key.width + 7) // 8
        fields.append(KeyField(ids[n], key.name, key.width, key.kind.value, offset, size))
        offset += size
    size = offset if kind is TableKind.LPM else (offset + 3) & ~3
    if size > MAX_KEY_BYTES:
        message = f"the key of table {table.name} has {size} bytes; the xdp target takes up to {MAX_KEY_BYTES}"
        raise CompileErrors.at(message, table.span)
    return tuple(fields), tuple(matching), size


def _plan_action(action: ir.Action, action_id: int) -> tuple[ActionLayout, int]:
    params, offset = [], VALUE_HEAD
    ids = field_ids([p.annotations for p in action.params])
    for number, param in zip(ids, action.params, strict=True):
        if not isinstance(param.var.type, ir.Bits):
            raise CompileErrors.at(f"parameter {param.name} of action {action.name} is not a number", action.span)
        width = param.var.type.width
        size = storage_size(width)
        step = min(size, 8)
        offset = (offset + step - 1) & ~(step - 1)
        params.append(ParamField(number, param.name, width, offset, size))
        offset += size
    return ActionLayout(action_id, action.name, tuple(params)), offset


def plan_table(pipeline: ir.Pipeline, position: int, table: ir.Table, action_ids: Mapping[str, int]) -> TablePlan:
    """Decide how a table is kept; `position` makes its C name unique."""
    kind = _kind(table)
    keys, order, key_size = _plan_keys(table, kind)
    planned = [
        _plan_action(pipeline.actions[r.name], action_ids[pipeline.actions[r.name].name]) for r in table.actions
    ]
    value_size = (max([VALUE_HEAD, *(end for _, end in planned)]) + 7) & ~7
    name = f"t{position}_{identifier(table.name.rsplit('.', 1)[-1])[:24]}"
    return TablePlan(table, name, kind, keys, order, key_size, value_size, tuple(a for a, _ in planned), position)
