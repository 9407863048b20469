"""Longest-prefix-match tables in memory that the kernel reads while this process writes (docs/tables.md)."""

from __future__ import annotations

import ctypes as ct
import errno
from array import array
from collections.abc import Iterable, Iterator, Mapping

from rackplane.compiler.manifest import TableLayout
from rackplane.switch import native
from rackplane.switch.entries import Entry
from rackplane.switch.errors import BpfError, BundleError
from rackplane.switch.maps import BpfMap, map_elements

_LENGTH_BYTES = 4


class ValueStore:
    """The values that prefixes refer to by number; equal ones are stored once. A value never changes."""

    def __init__(self, map_: BpfMap) -> None:
        self._map = map_
        self._size = map_.info.value_size
        self._memory = map_elements(map_)
        self._numbers: dict[bytes, int] = {}
        self._values: dict[int, bytes] = {}
        self._users: dict[int, int] = {}
        self._free: list[int] = []
        self._next = 1

    def take(self, values: Iterable[bytes]) -> list[int] | None:
        """Return the numbers of values, and count one user more of each; None when there is no room for all."""
        taken: list[int] = []
        known, users = self._numbers.get, self._users
        for value in values:
            number = known(value) or self._keep(value)
            if not number:
                for each in taken:
                    self.give_back(each)
                return None
            users[number] += 1
            taken.append(number)
        return taken

    def _keep(self, value: bytes) -> int:
        """Write a value that has no user yet; 0 when there is no room."""
        if self._free:
            number = self._free.pop()
        elif self._next < self._map.info.max_entries:
            number, self._next = self._next, self._next + 1
        else:
            return 0
        at = number * self._size
        self._memory[at : at + self._size] = value
        self._numbers[value], self._values[number], self._users[number] = number, value, 0
        return number

    def give_back(self, number: int) -> None:
        """Count one user less."""
        self._users[number] -= 1
        if not self._users[number]:
            del self._users[number]
            del self._numbers[self._values.pop(number)]
            self._free.append(number)


class Trie:
    """The kernel's side of one LPM table.

    An identity is the prefix length (u32, little-endian) and the key's bytes. flush() makes queued changes.
    """

    def __init__(self, layout: TableLayout, lines: BpfMap, values: BpfMap) -> None:
        if layout.trie is None:
            raise BundleError(f"LPM table {layout.name} has no trie")
        self._map = lines
        self._root_bits = layout.trie.root_bits
        self._key_bits = 8 * layout.key_size
        self._memory = map_elements(lines)
        self._values = ValueStore(values)
        self._numbers: dict[bytes, int] = {}
        self._lengths = [0] * (self._key_bits + 1)
        self._runs: list[tuple[list[bytes], list[bytes] | None]] = []
        self._keys: list[bytes] = []
        self._entries: list[bytes] | None = None
        self._library = native.library()
        at = ct.addressof(ct.c_char.from_buffer(self._memory))
        count = lines.info.max_entries
        self._handle = self._library.trie_new(at, count, self._root_bits, self._key_bits)
        if not self._handle:
            raise BundleError(f"table {layout.name}: map {lines.info} is too small for a trie, or memory is short")

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.trie_free(self._handle)

    def put(self, identity: bytes, entry: Entry) -> None:
        """Queue the creation or replacement of a prefix."""
        if self._entries is None:
            self._keys, self._entries = [], []
            self._runs.append((self._keys, self._entries))
        self._keys.append(identity)
        self._entries.append(entry.value)

    def remove(self, identity: bytes, entry: Entry) -> None:
        """Queue the removal of a prefix."""
        if self._entries is not None or not self._runs:
            self._keys, self._entries = [], None
            self._runs.append((self._keys, None))
        self._keys.append(identity)

    def flush(self) -> None:
        """Make the queued changes, in order; raise BpfError when memory is short."""
        for keys, values in self._take():
            if values is None:
                self._remove_all(keys)
            else:
                self._put_all(keys, values)

    def reset(self, entries: Mapping[bytes, Entry], touched: Iterable[bytes]) -> None:
        """Drop the queue and make these prefixes what `entries` says."""
        self._take()
        wanted = {identity: entries.get(identity) for identity in touched}
        self._remove_all([identity for identity, entry in wanted.items() if entry is None])
        kept = [(identity, entry.value) for identity, entry in wanted.items() if entry is not None]
        self._put_all([identity for identity, _ in kept], [value for _, value in kept])

    def _take(self) -> list[tuple[list[bytes], list[bytes] | None]]:
        runs, self._runs, self._entries = self._runs, [], None
        return runs

    def _put_all(self, keys: list[bytes], values: list[bytes]) -> None:
        numbers = self._values.take(values)
        if numbers is None:
            if len(keys) == 1:
                raise BpfError(f"cannot keep another value for map {self._map.info}", errno.ENOSPC)
            for key, value in zip(keys, values, strict=True):
                self._put_all([key], [value])
            return
        done = self._change(keys, numbers, [key[0] for key in keys])
        known, lengths = self._numbers, self._lengths
        for key, number in zip(keys[:done], numbers, strict=False):
            old = known.get(key)
            known[key] = number
            if old is None:
                lengths[key[0]] += 1
            else:
                self._values.give_back(old)
        for number in numbers[done:]:
            self._values.give_back(number)
        self._check(done, len(keys))

    def _check(self, done: int, wanted: int) -> None:
        if done < wanted:
            raise BpfError(f"cannot make another node in map {self._map.info}", errno.ENOSPC)

    def _remove_all(self, keys: list[bytes]) -> None:
        known = [(key, number) for key in keys if (number := self._numbers.pop(key, None)) is not None]
        heirs = [self._heir(key) for key, _ in known]
        done = self._change([key for key, _ in known], [n for n, _ in heirs], [length for _, length in heirs])
        for key, number in known[:done]:
            self._values.give_back(number)
            self._lengths[key[0]] -= 1
        self._numbers.update(known[done:])
        self._check(done, len(known))

    def _change(self, keys: list[bytes], numbers: list[int], lengths: list[int]) -> int:
        """Make changes in order; return how many could be made."""
        if not keys:
            return 0
        values = array("I", numbers)
        done = self._library.trie_change(
            self._handle, b"".join(keys), len(keys[0]), values.buffer_info()[0], bytes(lengths), len(keys)
        )
        return int(done)

    def _heir(self, key: bytes) -> tuple[int, int]:
        """The value and length of the longest prefix that covers a removed one, on its side of the root's edge."""
        for shorter in self._covering(key):
            number = self._numbers.get(shorter)
            if number is not None:
                return number, shorter[0]
        return 0, 0

    def _covering(self, key: bytes) -> Iterator[bytes]:
        length, size = key[0], len(key) - _LENGTH_BYTES
        whole = int.from_bytes(key[_LENGTH_BYTES:], "big")
        end = self._root_bits if length > self._root_bits else -1
        for shorter in range(length - 1, end, -1):
            if self._lengths[shorter]:
                host = 8 * size - shorter
                yield shorter.to_bytes(_LENGTH_BYTES, "little") + (whole >> host << host).to_bytes(size, "big")
