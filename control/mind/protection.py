"""Rights of protection domains over address ranges, and the fewest table entries that express them. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntFlag

from rackplane.control.mind.prefixes import ADDRESS_BITS, Prefix, split

MAX_DOMAIN = 0xFFFF
"""The low 16 bits of rkey."""


class Rights(IntFlag):
    """What a domain may do; the values of the action data of the table `rights`."""

    NONE = 0
    READ = 1
    WRITE = 2
    READ_WRITE = 3

    @classmethod
    def parse(cls, text: str) -> Rights:
        """Rights from '', '-', 'r', 'w' or 'rw'. Raises ValueError."""
        known = {"": cls.NONE, "-": cls.NONE, "r": cls.READ, "w": cls.WRITE, "rw": cls.READ_WRITE}
        if text not in known:
            raise ValueError(f"{text!r} are no rights: write '-', 'r', 'w' or 'rw'")
        return known[text]

    def __str__(self) -> str:
        return ("r" if self & Rights.READ else "") + ("w" if self & Rights.WRITE else "") or "-"


@dataclass(frozen=True)
class Grant:
    """One entry of the table: a domain's rights over a prefix."""

    domain: int
    prefix: Prefix
    rights: Rights


@dataclass(frozen=True)
class Change:
    """Steps from one set of entries to another.

    First `modify` and `insert`, then `delete`: so no address is ever without a right that it had and keeps, since
    each has at every moment an entry of the old set or of the new one. `lowered`: the ranges that lost a right.
    """

    insert: tuple[Grant, ...]
    modify: tuple[Grant, ...]
    delete: tuple[Grant, ...]
    lowered: tuple[tuple[int, int], ...]


@dataclass
class Domain:
    """The rights of one domain, as a step function: from starts[i] on they are values[i]."""

    number: int
    starts: list[int] = field(default_factory=lambda: [0])
    values: list[Rights] = field(default_factory=lambda: [Rights.NONE])

    def at(self, address: int) -> Rights:
        """The rights over one address."""
        return self.values[self._index(address)]

    def runs(self, low: int = 0, high: int = 1 << ADDRESS_BITS) -> Iterator[tuple[int, int, Rights]]:
        """The maximal ranges (start, end) of equal rights that overlap low..high-1."""
        index = self._index(low)
        while index < len(self.starts) and self.starts[index] < high:
            end = self.starts[index + 1] if index + 1 < len(self.starts) else 1 << ADDRESS_BITS
            yield self.starts[index], end, self.values[index]
            index += 1

    def grants(self, low: int = 0, high: int = 1 << ADDRESS_BITS) -> Iterator[Grant]:
        """The table entries of all runs that overlap low..high-1."""
        for start, end, value in self.runs(low, high):
            if value:
                for prefix in split(start, end):
                    yield Grant(self.number, prefix, value)

    def protect(self, start: int, end: int, rights: Rights) -> Change:
        """Set the rights over start..end-1 (0 <= start < end < 2^64) and say what changes in the table."""
        lowered = tuple((max(start, a), min(end, b)) for a, b, old in self.runs(start, end) if old & ~rights)
        # A run that touches the range may be joined with it, so its entries may change too.
        low = self.starts[self._index(max(0, start - 1))]
        high = next(b for a, b, _ in self.runs(end))
        before = {grant.prefix: grant for grant in self.grants(low, high)}
        self._assign(start, end, rights)
        after = {grant.prefix: grant for grant in self.grants(low, high)}
        return Change(
            insert=tuple(g for p, g in after.items() if p not in before),
            modify=tuple(g for p, g in after.items() if p in before and before[p] != g),
            delete=tuple(g for p, g in before.items() if p not in after),
            lowered=lowered,
        )

    def _index(self, address: int) -> int:
        return bisect_right(self.starts, address) - 1

    def _assign(self, start: int, end: int, rights: Rights) -> None:
        behind = self.at(end)
        low, high = bisect_left(self.starts, start), bisect_right(self.starts, end)
        steps = []
        if low == 0 or self.values[low - 1] != rights:
            steps.append((start, rights))
        if behind != rights:
            steps.append((end, behind))
        self.starts[low:high] = [at for at, _ in steps]
        self.values[low:high] = [value for _, value in steps]
