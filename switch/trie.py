"""Longest-prefix-match tables in memory that the kernel reads while this process writes (docs/tables.md)."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator, Mapping

from rackplane.compiler.manifest import TableLayout
from rackplane.switch import native
from rackplane.switch.errors import BundleError
from rackplane.switch.maps import BpfMap, map_elements
from rackplane.switch.shared import SharedTable, words

_LENGTH_BYTES = 4


class Trie:
    """The prefixes of one LPM table. A key is the prefix length (u32, little-endian) and the key's bytes."""

    def __init__(self, layout: TableLayout, lines: BpfMap) -> None:
        if layout.trie is None:
            raise BundleError(f"LPM table {layout.name} has no trie")
        self._root_bits, key_bits = layout.trie.root_bits, 8 * layout.key_size
        self._memory = map_elements(lines)
        self._lengths: set[int] = set()
        self._library = native.library()
        at = ct.addressof(ct.c_char.from_buffer(self._memory))
        self._handle = self._library.trie_new(at, lines.info.max_entries, self._root_bits, key_bits)
        if not self._handle:
            raise BundleError(f"table {layout.name}: map {lines.info} is too small for a trie, or memory is short")

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.trie_free(self._handle)

    def put(self, keys: list[bytes], numbers: list[int]) -> int:
        """Write prefixes in order; return how many there was memory for."""
        lengths = [key[0] for key in keys]
        self._lengths.update(lengths)
        return self._change(keys, numbers, lengths)

    def remove(self, keys: list[bytes], left: Mapping[bytes, int]) -> int:
        """Take prefixes out in order; return how many there was memory for. `left` has those that stay."""
        heirs = [self._heir(key, left) for key in keys]
        return self._change(keys, [number for number, _ in heirs], [length for _, length in heirs])

    def _change(self, keys: list[bytes], numbers: list[int], lengths: list[int]) -> int:
        """Let what belongs to each key have a number, and belong to a prefix of a length from now on."""
        joined, size = b"".join(keys), len(keys[0])
        return int(self._library.trie_change(self._handle, joined, size, words(numbers), bytes(lengths), len(keys)))

    def _heir(self, key: bytes, left: Mapping[bytes, int]) -> tuple[int, int]:
        """The number and length of the longest prefix that covers a removed one, on its side of the root's edge."""
        for shorter in self._covering(key):
            number = left.get(shorter)
            if number is not None:
                return number, shorter[0]
        return 0, 0

    def _covering(self, key: bytes) -> Iterator[bytes]:
        length, size = key[0], len(key) - _LENGTH_BYTES
        whole = int.from_bytes(key[_LENGTH_BYTES:], "big")
        end = self._root_bits if length > self._root_bits else -1
        for shorter in range(length - 1, end, -1):
            if shorter in self._lengths:
                host = 8 * size - shorter
                yield shorter.to_bytes(_LENGTH_BYTES, "little") + (whole >> host << host).to_bytes(size, "big")


def trie_table(layout: TableLayout, lines: BpfMap, values: BpfMap) -> SharedTable:
    """An LPM table that is kept in a trie."""
    return SharedTable(lines, values, Trie(layout, lines))
