"""Tables in memory that the kernel's program reads while this process writes (docs/tables.md)."""

from __future__ import annotations

import errno
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from rackplane.switch.entries import Entry
from rackplane.switch.errors import BpfError
from rackplane.switch.maps import BpfMap, map_elements


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


class Index(Protocol):
    """Finds the number of a value by an entry's identity, in memory that readers share."""

    def put(self, keys: list[bytes], numbers: list[int]) -> int:
        """Write numbers in order; return how many there was memory for."""

    def remove(self, keys: list[bytes], left: Mapping[bytes, int]) -> int:
        """Take out keys that are there, in order; return how many could be. `left` are those that stay."""


class SharedTable:
    """The kernel's side of a table in shared memory: its index and its values. flush() makes queued changes."""

    def __init__(self, map_: BpfMap, values: BpfMap, index: Index) -> None:
        self._map = map_
        self._index = index
        self._values = ValueStore(values)
        self._numbers: dict[bytes, int] = {}
        self._runs: list[tuple[list[bytes], list[bytes] | None]] = []
        self._keys: list[bytes] = []
        self._queued: list[bytes] | None = None

    def put(self, identity: bytes, entry: Entry) -> None:
        """Queue the creation or replacement of an entry."""
        if self._queued is None:
            self._keys, self._queued = [], []
            self._runs.append((self._keys, self._queued))
        self._keys.append(identity)
        self._queued.append(entry.value)

    def put_all(self, identities: Sequence[bytes], entries: Sequence[Entry]) -> None:
        """Queue the creation of entries."""
        if self._queued is None:
            self._keys, self._queued = [], []
            self._runs.append((self._keys, self._queued))
        self._keys.extend(identities)
        self._queued.extend([entry.value for entry in entries])

    def remove(self, identity: bytes, entry: Entry) -> None:
        """Queue the removal of an entry."""
        if self._queued is not None or not self._runs:
            self._keys, self._queued = [], None
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
        """Drop the queue and make these identities what `entries` says."""
        self._take()
        wanted = {identity: entries.get(identity) for identity in touched}
        self._remove_all([identity for identity, entry in wanted.items() if entry is None])
        kept = [(identity, entry.value) for identity, entry in wanted.items() if entry is not None]
        self._put_all([identity for identity, _ in kept], [value for _, value in kept])

    def _take(self) -> list[tuple[list[bytes], list[bytes] | None]]:
        runs, self._runs, self._queued = self._runs, [], None
        return runs

    def _put_all(self, keys: list[bytes], values: list[bytes]) -> None:
        numbers = self._values.take(values)
        if numbers is None:
            if len(keys) == 1:
                raise BpfError(f"cannot keep another value for map {self._map.info}", errno.ENOSPC)
            for key, value in zip(keys, values, strict=True):
                self._put_all([key], [value])
            return
        done = self._index.put(keys, numbers) if keys else 0
        known, give_back = self._numbers, self._values.give_back
        if done == len(keys) and len(set(keys)) == done and known.keys().isdisjoint(keys):
            known.update(zip(keys, numbers, strict=True))
            return
        for key, number in zip(keys[:done], numbers, strict=False):
            old = known.get(key)
            known[key] = number
            if old is not None:
                give_back(old)
        for number in numbers[done:]:
            give_back(number)
        self._check(done, len(keys))

    def _remove_all(self, keys: list[bytes]) -> None:
        known = [(key, number) for key in keys if (number := self._numbers.pop(key, None)) is not None]
        done = self._index.remove([key for key, _ in known], self._numbers) if known else 0
        for _, number in known[:done]:
            self._values.give_back(number)
        self._numbers.update(known[done:])
        self._check(done, len(known))

    def _check(self, done: int, wanted: int) -> None:
        if done < wanted:
            raise BpfError(f"there is no room for another entry in map {self._map.info}", errno.ENOSPC)


def words(numbers: list[int]) -> bytes:
    """Numbers as an array of u32."""
    return array("I", numbers).tobytes()
