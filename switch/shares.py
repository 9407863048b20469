"""What a group of an action selector chooses from: its members with their weights, and the order of the choices.

A packet's hash picks the n-th choice. BMv2 under P4Runtime gives each member a handle, and one more for each
further share that any group gives it; freed handles are given out again, the lowest first; a group's choices are in
the order of their handles. The same order here makes both targets choose alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rackplane.switch.slots import Lowest


@dataclass(eq=False)
class Member:
    """An action with its parameters. `users` counts the entries that name it, `weights` are its shares by group."""

    id: int
    wire: bytes
    value: bytes
    slot: int
    handles: list[int]
    users: int = 0
    weights: dict[Group, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """A member of a group; `watch` is the port that has to be up for it to be chosen."""

    member: Member
    weight: int
    watch: int | None


@dataclass(eq=False)
class Group:
    """A group, or with id 0 the actions that an entry itself gives (one shot). `users` counts entries."""

    id: int
    wire: bytes
    slot: int
    max_size: int = 0
    shares: tuple[Share, ...] = ()
    users: int = 0


def choices(group: Group, alive: Callable[[int], bool]) -> list[int]:
    """The numbers of the members that a group chooses from, in order, one for each share."""
    ordered: list[tuple[int, int]] = []
    for share in group.shares:
        if share.watch is None or alive(share.watch):
            ordered += [(handle, share.member.slot) for handle in share.member.handles[: share.weight]]
    return [slot for _, slot in sorted(ordered)]


def assign(group: Group, shares: tuple[Share, ...], handles: Lowest) -> None:
    """Make these the shares of a group."""
    affected = _by_id([*group.shares, *shares])
    for share in group.shares:
        share.member.weights.pop(group, None)
    for share in shares:
        share.member.weights[group] = share.weight
    for member in affected:
        while len(member.handles) < member.weights.get(group, 0):
            member.handles.append(handles.take())
    for member in affected:
        wanted = max([1, *member.weights.values()])
        while len(member.handles) > wanted:
            handles.give_back(member.handles.pop())
    group.shares = shares


def _by_id(shares: Iterable[Share]) -> list[Member]:
    members = {share.member: None for share in shares}
    return sorted(members, key=lambda m: m.id)
