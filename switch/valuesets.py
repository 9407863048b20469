"""Parser value sets (compiler/manifest.py, ValueSetLayout): written and read as a whole.

A packet sees a set as it was or as it is: new members are put where nobody looks, then one word is switched over.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from finsy.proto import p4r

from rackplane.compiler.manifest import KeyField, ValueSetLayout
from rackplane.switch.errors import BundleError, Code, RequestError, invalid
from rackplane.switch.keys import bounds
from rackplane.switch.maps import BpfMap, SharedMemory
from rackplane.switch.readers import wait_for_readers

_GENERATIONS = 1 << 32
_HASH_VALUE = bytes(8)

Member = tuple[bytes, bytes]
"""The two words for each word of a key, as the kernel has them."""


@dataclass(frozen=True)
class SetMaps:
    """Where a value set is: `map` for exact fields, or `members` for others."""

    active: SharedMemory
    map: BpfMap | None
    members: SharedMemory | None


class ValueSet:
    """One value set of a running program."""

    def __init__(self, layout: ValueSetLayout, maps: SetMaps) -> None:
        self.layout = layout
        self._fields = {f.id: f for f in layout.fields}
        self._active = maps.active.words(8, 1)
        self._map = maps.map
        self._list = maps.members.bytes() if maps.members is not None else None
        self._members: list[Member] = []
        self._where = 0
        entity = p4r.Entity()
        entity.value_set_entry.value_set_id = layout.id
        self.wire = entity.SerializeToString()

    def write(self, entity: p4r.Entity) -> None:
        """Let the set have these members and no others."""
        given = entity.value_set_entry.members
        if len(given) > self.layout.size:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED,
                f"value set {self.layout.name} holds {self.layout.size} members, not {len(given)}",
            )
        members = [self._decode(member) for member in given]
        if len(set(members)) != len(members):
            raise RequestError(Code.ALREADY_EXISTS, f"value set {self.layout.name} is given a member twice")
        self._install(members)
        self.wire = entity.SerializeToString()

    def snapshot(self) -> Callable[[], None]:
        """Return what puts the set back to what it is now."""
        members, wire = self._members, self.wire

        def undo() -> None:
            self._install(members)
            self.wire = wire

        return undo

    def _decode(self, member: p4r.ValueSetMember) -> Member:
        found: dict[int, tuple[int, int]] = {}
        for match in member.match:
            field = self._fields.get(match.field_id)
            if field is None:
                known = ", ".join(f"{f.id} ({f.name})" for f in self.layout.fields)
                raise invalid(
                    f"match field {match.field_id} does not exist; value set {self.layout.name} has {known}"
                )
            if field.id in found:
                raise invalid(f"match field {field.name} is given twice")
            found[field.id] = bounds(match, field)
        pairs = [found.get(f.id) or _anything(f) for f in self.layout.fields]
        return _words(self.layout.fields, [a for a, _ in pairs]), _words(self.layout.fields, [b for _, b in pairs])

    def _install(self, members: Sequence[Member]) -> None:
        if self._map is not None:
            self._install_hashed(self._map, members)
        elif self._list is not None:
            self._install_list(self._list, members)
        self._members = list(members)

    def _install_hashed(self, map_: BpfMap, members: Sequence[Member]) -> None:
        old = [_hash_key(self._where, key) for key, _ in self._members]
        self._where = (self._where + 1) % _GENERATIONS
        map_.put_many([_hash_key(self._where, key) for key, _ in members], [_HASH_VALUE] * len(members))
        self._switch_over(len(members))
        if old:
            wait_for_readers()
            map_.delete_many(old)

    def _install_list(self, memory: memoryview, members: Sequence[Member]) -> None:
        self._where = 0 if self._where else self.layout.size
        size = 2 * 8 * self.layout.words
        wait_for_readers()
        at = self._where * size
        memory[at : at + size * len(members)] = b"".join(first + second for first, second in members)
        self._switch_over(len(members))

    def _switch_over(self, count: int) -> None:
        self._active[0] = np.uint64(count << 32 | self._where)


def build(layout: ValueSetLayout, map_of: Callable[[str], BpfMap]) -> ValueSet:
    """Make a value set of a loaded program; BundleError."""
    if bool(layout.map) == bool(layout.members):
        raise BundleError(f"value set {layout.name} has to be either a map or a list")
    return ValueSet(
        layout,
        SetMaps(
            SharedMemory(map_of(layout.active)),
            map_of(layout.map) if layout.map else None,
            SharedMemory(map_of(layout.members)) if layout.members else None,
        ),
    )


def _anything(field: KeyField) -> tuple[int, int]:
    """Return what a match field stands for that is left out."""
    if field.kind == "exact":
        raise invalid(f"match field {field.name} is missing; an exact field must be given")
    return (0, (1 << field.width) - 1) if field.kind == "range" else (0, 0)


def _words(fields: Sequence[KeyField], values: Sequence[int]) -> bytes:
    """Return the words of a key: each number's most significant word first, each word little-endian."""
    parts = []
    for field, value in zip(fields, values, strict=True):
        data = value.to_bytes(field.size, "big")
        parts += [data[n : n + 8][::-1] for n in range(0, field.size, 8)]
    return b"".join(parts)


def _hash_key(generation: int, key: bytes) -> bytes:
    return struct.pack("<Q", generation) + key
