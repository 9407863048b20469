"""Ternary tables as mask groups (compiler/manifest.py, TernaryMaps).

Every distinct mask is a group: a slot of the `masks` array; an entry is found in a hash map under its group and
its masked key. The published max_priority of a slot is an upper bound for its group and for all later ones: a
reader that walks the slots in order may stop once it holds an entry of at least that priority. Thus a new mask can
always be added in place: its bound and those before it are raised first, and no reader sees a half-made change.
A slot whose group has lost its last entry is given to a new mask after all readers of the old one are done.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rackplane.compiler.manifest import TableLayout
from rackplane.switch.entries import Entry
from rackplane.switch.errors import BundleError, Code, RequestError
from rackplane.switch.maps import BpfMap
from rackplane.switch.readers import wait_for_readers


@dataclass
class _Group:
    """A mask in use: `keys` holds, per masked key, the entries that have it, best first."""

    mask: bytes
    slot: int
    keys: dict[bytes, list[Entry]] = field(default_factory=dict)
    bound: int = 0

    def top(self) -> int:
        """The highest priority of any entry."""
        return max((entries[0].priority for entries in self.keys.values()), default=0)


class MaskGroups:
    """The kernel's side of one ternary table."""

    def __init__(self, layout: TableLayout, masks: BpfMap, active: BpfMap, entries: BpfMap) -> None:
        if layout.ternary is None:
            raise BundleError(f"ternary table {layout.name} has no mask groups")
        self._max_groups = layout.ternary.max_groups
        self._masks, self._active, self._entries = masks, active, entries
        self._pad = bytes(entries.info.value_size - 4 - layout.entry_size)
        self._key_pad = bytes(entries.info.key_size - 4 - layout.key_size)
        self._groups: dict[bytes, _Group] = {}
        self._slots: list[_Group] = []
        self._known: dict[bytes, Entry] = {}
        self._count = 0

    def put(self, identity: bytes, entry: Entry) -> None:
        """Write an entry under each of its masked keys; a group is made for each new mask."""
        self._reserve(entry)
        self._known[identity] = entry
        for key, mask in entry.masked:
            group = self._groups.get(mask) or self._open(mask)
            same = [e for e in group.keys.get(key, []) if _identity(e) != _identity(entry)]
            self._count += key not in group.keys
            group.keys[key] = sorted([*same, entry], key=lambda e: -e.priority)
            self._raise_bounds(group, entry.priority)
            self._write(group, key)

    def put_all(self, identities: Sequence[bytes], entries: Sequence[Entry]) -> None:
        """Write entries one by one."""
        for identity, entry in zip(identities, entries, strict=True):
            self.put(identity, entry)

    def remove(self, identity: bytes, entry: Entry) -> None:
        """Remove an entry; one of lower priority with the same masked key takes its place."""
        self._known.pop(identity, None)
        for key, mask in entry.masked:
            group = self._groups.get(mask)
            if group is None or key not in group.keys:
                continue
            left = [e for e in group.keys[key] if _identity(e) != _identity(entry)]
            if left:
                group.keys[key] = left
                self._write(group, key)
                continue
            del group.keys[key]
            self._count -= 1
            self._entries.delete(self._kernel_key(group, key))
            if not group.keys:
                self._lower_bounds()

    def flush(self) -> None:
        """Do nothing: every change is made at once, in an order that readers can follow."""

    def reset(self, entries: Mapping[bytes, Entry], touched: Iterable[bytes]) -> None:
        """Make the kernel agree with `entries` on the touched identities."""
        for identity in touched:
            entry, known = entries.get(identity), self._known.get(identity)
            if known is not None:
                self.remove(identity, known)
            if entry is not None:
                self.put(identity, entry)

    def _reserve(self, entry: Entry) -> None:
        """Refuse an entry that would not fit, before anything of it is written."""
        new_masks = {mask for _, mask in entry.masked if mask not in self._groups or not self._groups[mask].keys}
        live = sum(1 for group in self._slots if group.keys)
        if new_masks and live + len(new_masks) > self._max_groups:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED,
                f"the entry needs {len(new_masks)} new masks, {live} of {self._max_groups} are in use: "
                "use fewer distinct masks, or ranges that begin and end at powers of two",
            )
        new_keys = sum(1 for key, mask in entry.masked if mask in new_masks or key not in self._groups[mask].keys)
        if self._count + new_keys > self._entries.info.max_entries:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED,
                f"the entry expands to {new_keys} masked keys, {self._count} of {self._entries.info.max_entries} "
                "are in use: use ranges that begin and end at powers of two, or declare a larger table",
            )

    def _open(self, mask: bytes) -> _Group:
        if len(self._slots) < self._max_groups:
            group = _Group(mask, len(self._slots))
            self._slots.append(group)
            self._write_mask(group)
            self._active.put(bytes(4), struct.pack("<II", 0, len(self._slots)))
        else:
            empty = next(g for g in self._slots if not g.keys)
            del self._groups[empty.mask]
            wait_for_readers()
            group = _Group(mask, empty.slot, bound=empty.bound)
            self._slots[group.slot] = group
            self._write_mask(group)
        self._groups[mask] = group
        return group

    def _raise_bounds(self, group: _Group, priority: int) -> None:
        for other in self._slots[: group.slot + 1]:
            if other.bound < priority:
                other.bound = priority
                self._write_mask(other)

    def _lower_bounds(self) -> None:
        bound = 0
        for group in reversed(self._slots):
            bound = max(bound, group.top())
            if group.bound != bound:
                group.bound = bound
                self._write_mask(group)

    def _write_mask(self, group: _Group) -> None:
        value = struct.pack("<iI", group.bound, len(group.keys)) + group.mask
        self._masks.put(struct.pack("<I", group.slot), value.ljust(self._masks.info.value_size, b"\0"))

    def _write(self, group: _Group, key: bytes) -> None:
        best = group.keys[key][0]
        value = struct.pack("<i", best.priority) + best.value + self._pad
        self._entries.put(self._kernel_key(group, key), value)

    def _kernel_key(self, group: _Group, key: bytes) -> bytes:
        return struct.pack("<I", group.slot) + key + self._key_pad


def _identity(entry: Entry) -> tuple[int, tuple[tuple[bytes, bytes], ...]]:
    return entry.priority, entry.masked
