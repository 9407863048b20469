"""The memory of an action profile that the kernel's program reads (compiler/manifest.py, ProfileLayout).

Changes are made so that a packet sees what was or what is: new values and choices are written where nobody looks,
and then one word is switched over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rackplane.compiler.manifest import ProfileLayout
from rackplane.switch.errors import Code, RequestError
from rackplane.switch.maps import SharedMemory
from rackplane.switch.slots import Regions, Slots

_EMPTY = (0, 0)


class ProfileMemory:
    """Members, their values, and groups with their choices, by number."""

    def __init__(self, layout: ProfileLayout, sections: dict[str, SharedMemory]) -> None:
        self._layout = layout
        self._members = sections[layout.members].words(4, layout.slots)
        self._values = sections[layout.values].bytes()
        self._member_slots = Slots(layout.slots)
        self._value_slots = Slots(layout.slots, first=1)
        self._group_slots = Slots(layout.slots)
        if layout.selector:
            self._groups = sections[layout.groups].words(8, layout.slots)
            self._choices = sections[layout.choices].words(4, layout.choice_slots)
        self._regions = Regions(layout.choice_slots)
        self._used: dict[int, tuple[int, int]] = {}

    def add_member(self, value: bytes) -> int:
        """Keep an action with its parameters; return the member's number."""
        slot = self._taken(self._member_slots.take(), "members")
        self._members[slot] = self._write(value)
        return slot

    def set_member(self, slot: int, value: bytes) -> None:
        """Give a member another action."""
        before = int(self._members[slot])
        self._members[slot] = self._write(value)
        self._value_slots.give_back(before)

    def drop_member(self, slot: int) -> None:
        """Forget a member."""
        self._value_slots.give_back(int(self._members[slot]))
        self._members[slot] = 0
        self._member_slots.give_back(slot)

    def restore_member(self, slot: int, value: bytes) -> None:
        """Let a member that was dropped be there again under its number."""
        self._member_slots.reclaim(slot)
        self._members[slot] = self._write(value)

    def add_group(self) -> int:
        """Return the number of a new group, which is empty."""
        slot = self._taken(self._group_slots.take(), "groups")
        self._used[slot] = _EMPTY
        return slot

    def set_group(self, slot: int, members: Sequence[int]) -> None:
        """Let a group choose from these members, a number for each share of the packets."""
        first, count = 0, len(members)
        if count:
            first = self._taken(self._regions.take(count), f"{self._layout.choice_slots} choices of groups")
            self._choices[first : first + count] = members
        self._groups[slot] = np.uint64(count << 32 | first)
        self._release(slot)
        self._used[slot] = (first, count)

    def drop_group(self, slot: int) -> None:
        """Forget a group."""
        self._groups[slot] = np.uint64(0)
        self._release(slot)
        del self._used[slot]
        self._group_slots.give_back(slot)

    def restore_group(self, slot: int) -> None:
        """Let a group that was dropped be there again under its number; it is empty."""
        self._group_slots.reclaim(slot)
        self._used[slot] = _EMPTY

    def _release(self, slot: int) -> None:
        first, count = self._used[slot]
        if count:
            self._regions.give_back(first, count)

    def _write(self, value: bytes) -> int:
        number = self._taken(self._value_slots.take(), "members")
        size = self._layout.value_size
        self._values[number * size : (number + 1) * size] = value
        return number

    def _taken(self, number: int | None, what: str) -> int:
        if number is None:
            raise RequestError(Code.RESOURCE_EXHAUSTED, f"all {what} of {self._layout.name} are in use")
        return number
