"""How large the shared memory of a longest-prefix-match table is (docs/tables.md)."""

from __future__ import annotations

from dataclasses import dataclass

LINE_BYTES = 64
STRIDE = 6
MAX_BYTES = 320 << 20
MAX_KEY_BYTES = 16
MAX_LEVELS = 4
"""More nodes in a row cost more than the kernel's trie, which skips bits that all prefixes have in common."""
MAX_VALUE_BYTES = 128
_ROOTS = ((1 << 19, 24), (1 << 15, 18), (0, 12))
"""From which size on how many bits: a large root is in no cache, but nodes of a large table are not either."""
_MAX_NODE_LINES = 8
_ONE_LINE_CHILDREN = 4
_SPARE_LINES = 1024


@dataclass(frozen=True)
class TriePlan:
    """A trie for `size` prefixes of up to `key_bits` bits: a root, and nodes of STRIDE bits below it."""

    key_bits: int
    size: int

    @property
    def root_bits(self) -> int:
        """The bits that the root decides: so many that few nodes follow, and that a small table's root is small."""
        return next(bits for size, bits in _ROOTS if self.size >= size)

    @property
    def levels(self) -> int:
        """How many nodes a key meets at most."""
        return -(-max(0, self.key_bits - self.root_bits) // STRIDE)

    @property
    def lines(self) -> int:
        """Lines that hold the root and the nodes of any `size` prefixes, and an eighth more for those in making."""
        nodes = sum(self._level_lines(level) for level in range(self.levels))
        root = (1 << self.root_bits) * 8 // LINE_BYTES
        return root + -(-nodes * 9 // 8 // _MAX_NODE_LINES) * _MAX_NODE_LINES + _SPARE_LINES

    @property
    def values(self) -> int:
        """Values, number 0 being none, and one that is written before an old one is free."""
        return self.size + 2

    def bytes(self, value_size: int) -> int:
        """The memory of all of it."""
        return self.lines * LINE_BYTES + self.values * value_size

    def _level_lines(self, level: int) -> int:
        """Lines of one level at worst: a node of few slots takes one line, each slot more less than 3/8 of one."""
        nodes = min(self.size, 1 << (self.root_bits + STRIDE * level))
        more = max(0, self.size - _ONE_LINE_CHILDREN * nodes)
        return min(_MAX_NODE_LINES * nodes, nodes + more * 3 // 8)


def plan_trie(key_bytes: int, value_size: int, size: int) -> TriePlan | None:
    """The trie of a table, or None when it would be too large or too deep: then it is in the kernel's own trie."""
    plan = TriePlan(8 * key_bytes, size)
    shallow = key_bytes <= MAX_KEY_BYTES and plan.levels <= MAX_LEVELS
    return plan if shallow and value_size <= MAX_VALUE_BYTES and plan.bytes(value_size) <= MAX_BYTES else None
