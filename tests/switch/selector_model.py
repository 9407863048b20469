"""selectors.p4: its entities, its frames, and a model of the member that BMv2 chooses for a frame."""

from __future__ import annotations

import zlib
from typing import Protocol

from compiled_program import as_bytes as canonical
from finsy.proto import p4r

FIRST, SECOND, BALANCED, ROUTED = 1, 2, 3, 4
PORT = 4

Watched = tuple[int, int, bytes]
"""A member, its weight, and the port that it watches."""


class Names(Protocol):
    """Knows a program's ids and actions by name."""

    def id(self, name: str) -> int:
        """The id of an object."""

    def action(self, name: str, *values: int) -> p4r.Action:
        """An action with its parameters in order."""


def member(names: Names, number: int, *action: str | int, profile: str = "spread") -> p4r.Entity:
    entity = p4r.Entity()
    entity.action_profile_member.action_profile_id = names.id(profile)
    entity.action_profile_member.member_id = number
    if action:
        name, *values = action
        entity.action_profile_member.action.CopyFrom(names.action(str(name), *map(int, values)))
    return entity


def group(names: Names, number: int, *members: tuple[int, int] | Watched, max_size: int = 0,
          profile: str = "spread") -> p4r.Entity:  # fmt: skip
    entity = p4r.Entity()
    found = entity.action_profile_group
    found.action_profile_id, found.group_id, found.max_size = names.id(profile), number, max_size
    for each in members:
        added = found.members.add(member_id=each[0], weight=each[1])
        if len(each) == 3:
            added.watch_port = each[2]
    return entity


def entry(names: Names, table: str, key: int, *, member: int = 0, group: int = 0, length: int = 8) -> p4r.Entity:
    entity = p4r.Entity()
    found = entity.table_entry
    found.table_id = names.id(table)
    match = found.match.add(field_id=1)
    if table == "routed":
        match.lpm.value, match.lpm.prefix_len = canonical(key), length
    elif table == "second":
        match.ternary.value, match.ternary.mask = canonical(key), b"\xff"
        found.priority = 5
    else:
        match.exact.value = canonical(key)
    if member:
        found.action.action_profile_member_id = member
    if group:
        found.action.action_profile_group_id = group
    return entity


def one_shot(names: Names, table: str, key: int, *actions: tuple[p4r.Action, int]) -> p4r.Entity:
    entity = entry(names, table, key)
    entity.table_entry.action.action_profile_action_set.SetInParent()
    for action, weight in actions:
        added = entity.table_entry.action.action_profile_action_set.action_profile_actions.add(weight=weight)
        added.action.CopyFrom(action)
    return entity


def frame(table: int, key: int, *, dst: int = 0, src: int = 0, flow: int = 0, label: int = 0) -> bytes:
    head = dst.to_bytes(6, "big") + src.to_bytes(6, "big") + table.to_bytes(2, "big")
    return (head + bytes([key, key]) + (flow << 12 | label).to_bytes(2, "big") + bytes(3)).ljust(64, b"\xaa")


def crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def spread_hash(dst: int, src: int, flow: int) -> int:
    """BMv2's: fields in the order of the keys, bit after bit, zeros at the end."""
    return crc16(((dst << 52 | flow << 48 | src) << 4).to_bytes(13, "big"))


def wide_hash(label: int) -> int:
    return zlib.crc32(((label << 9 | PORT) << 3).to_bytes(3, "big"))


def flow(n: int) -> dict[str, int]:
    """The fields of the n-th flow."""
    return {"dst": 0x0200_0000_0000 + 7 * n, "src": n * n, "flow": n % 16}


def choices(order: list[int], flows: int) -> list[int]:
    """What the first flows choose from a group whose choices are in this order."""
    return [order[spread_hash(**flow(n)) % len(order)] for n in range(flows)]
