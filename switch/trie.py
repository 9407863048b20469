"""Longest-prefix-match tables in memory that the kernel reads while this process writes (docs/tables.md)."""

from __future__ import annotations

import ctypes as ct
import errno
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

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

    def take(self, value: bytes) -> int:
        """Return the number of a value, and count one user more; raise BpfError when there is no room."""
        number = self._numbers.get(value)
        if number is not None:
            self._users[number] += 1
            return number
        if self._free:
            number = self._free.pop()
        elif self._next < self._map.info.max_entries:
            number, self._next = self._next, self._next + 1
        else:
            raise BpfError(f"cannot keep another value in map {self._map.info}", errno.ENOSPC)
        at = number * self._size
        self._memory[at : at + self._size] = value
        self._numbers[value], self._values[number], self._users[number] = number, value, 1
        return number

    def give_back(self, number: int) -> None:
        """Count one user less."""
        self._users[number] -= 1
        if not self._users[number]:
            del self._users[number]
            del self._numbers[self._values.pop(number)]
            self._free.append(number)


@dataclass
class _Run:
    """Changes of one kind, in order. `values` are those to put; None for a run of removals."""

    keys: list[bytes]
    values: list[bytes] | None


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
        self._lengths: dict[int, int] = {}
        self._runs: list[_Run] = []
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
        if not self._runs or self._runs[-1].values is None:
            self._runs.append(_Run([], []))
        run = self._runs[-1]
        run.keys.append(identity)
        if run.values is not None:
            run.values.append(entry.value)

    def remove(self, identity: bytes, entry: Entry) -> None:
        """Queue the removal of a prefix."""
        if not self._runs or self._runs[-1].values is not None:
            self._runs.append(_Run([], None))
        self._runs[-1].keys.append(identity)

    def flush(self) -> None:
        """Make the queued changes, in order; raise BpfError when memory is short."""
        runs, self._runs = self._runs, []
        for run in runs:
            if run.values is None:
                self._remove_all(run.keys)
            else:
                self._put_all(run.keys, run.values)

    def reset(self, entries: Mapping[bytes, Entry], touched: Iterable[bytes]) -> None:
        """Drop the queue and make these prefixes what `entries` says."""
        self._runs = []
        wanted = {identity: entries.get(identity) for identity in touched}
        self._remove_all([identity for identity, entry in wanted.items() if entry is None])
        kept = [(identity, entry.value) for identity, entry in wanted.items() if entry is not None]
        self._put_all([identity for identity, _ in kept], [value for _, value in kept])

    def _put_all(self, keys: list[bytes], values: list[bytes]) -> None:
        numbers = array("I")
        try:
            for value in values:
                numbers.append(self._values.take(value))
        except BpfError:
            if len(values) == 1:
                raise
            for number in numbers:
                self._values.give_back(number)
            for key, value in zip(keys, values, strict=True):
                self._put_all([key], [value])
            return
        done = self._change(keys, numbers, bytes(key[0] for key in keys))
        for key, number in zip(keys[:done], numbers, strict=False):
            old = self._numbers.get(key)
            self._numbers[key] = number
            if old is None:
                self._lengths[key[0]] = self._lengths.get(key[0], 0) + 1
            else:
                self._values.give_back(old)
        for number in numbers[done:]:
            self._values.give_back(number)
        self._check(done, len(keys))

    def _remove_all(self, keys: list[bytes]) -> None:
        for key in keys:
            number = self._numbers.pop(key, None)
            if number is None:
                continue
            heir, length = self._heir(key)
            done = self._change([key], array("I", [heir]), bytes([length]))
            if not done:
                self._numbers[key] = number
                self._check(done, 1)
            self._values.give_back(number)
            self._lengths[key[0]] -= 1

    def _change(self, keys: list[bytes], numbers: array[int], lengths: bytes) -> int:
        if not keys:
            return 0
        pointer = ct.cast(numbers.buffer_info()[0], ct.POINTER(ct.c_uint32))
        return int(
            self._library.trie_change(self._handle, b"".join(keys), len(keys[0]), pointer, lengths, len(keys))
        )

    def _check(self, done: int, wanted: int) -> None:
        if done < wanted:
            raise BpfError(f"cannot make another node in map {self._map.info}", errno.ENOSPC)

    def _heir(self, key: bytes) -> tuple[int, int]:
        """The value and length of the longest prefix that covers a removed one, on its side of the root's edge."""
        for shorter in self._covering(key):
            number = self._numbers.get(shorter)
            if number is not None:
                return number, shorter[0]
        return 0, 0

    def _covering(self, key: bytes) -> Iterator[bytes]:
        length, bits = key[0], 8 * (len(key) - _LENGTH_BYTES)
        whole = int.from_bytes(key[_LENGTH_BYTES:], "big")
        end = self._root_bits if length > self._root_bits else -1
        for shorter in range(length - 1, end, -1):
            if self._lengths.get(shorter):
                prefix = whole >> (bits - shorter) << (bits - shorter)
                yield shorter.to_bytes(_LENGTH_BYTES, "little") + prefix.to_bytes(bits // 8, "big")
