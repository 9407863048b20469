"""How large the shared memory of an exact-match table is (docs/tables.md)."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 320 << 20
MAX_VALUE_BYTES = 128
_HEAD_WORDS = 2
_MAX_SLOTS, _MIN_SLOTS = 8, 3
_SMALL_KEY_WORDS = 2
_SPARE_LINES = 32


@dataclass(frozen=True)
class BucketPlan:
    """Buckets for `size` keys of `key_words` 32-bit words, filled to 55 per cent by as many keys."""

    key_words: int
    size: int

    @property
    def line_bytes(self) -> int:
        """A bucket's bytes: a cache line, or two for long keys."""
        return 64 if self.key_words <= _SMALL_KEY_WORDS else 128

    @property
    def slots(self) -> int:
        """Keys in a line."""
        return min(_MAX_SLOTS, (self.line_bytes // 4 - _HEAD_WORDS) // (self.key_words + 1))

    @property
    def buckets(self) -> int:
        """Lines that the hash reaches."""
        return -(-self.size * 20 // (self.slots * 11))

    @property
    def lines(self) -> int:
        """All lines: that of the seed, the buckets, and those that continue full ones (about 8 per cent do)."""
        return 1 + self.buckets + self.buckets // 5 + _SPARE_LINES

    @property
    def values(self) -> int:
        """Values, number 0 being none, and one that is written before an old one is free."""
        return self.size + 2

    def bytes(self, value_size: int) -> int:
        """The memory of all of it."""
        return self.lines * self.line_bytes + self.values * value_size


def plan_buckets(key_bytes: int, value_size: int, size: int) -> BucketPlan | None:
    """The buckets of a table, or None when keys or table are too large: then it is the kernel's hash map."""
    plan = BucketPlan(key_bytes // 4, size)
    fits = plan.slots >= _MIN_SLOTS and value_size <= MAX_VALUE_BYTES and plan.bytes(value_size) <= MAX_BYTES
    return plan if fits else None
