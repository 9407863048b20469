"""Where the entries of a table live in the kernel: one map, or mask groups. Writes are sent in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from rackplane.switch.entries import Entry
from rackplane.switch.maps import BpfMap


class KernelTable(Protocol):
    """What a table needs of its maps; `identity` is the entry's key in the table's dictionary."""

    def put(self, identity: bytes, entry: Entry) -> None:
        """Queue the creation or replacement of an entry; RESOURCE_EXHAUSTED when there is no room."""

    def put_all(self, identities: Sequence[bytes], entries: Sequence[Entry]) -> None:
        """Queue the creation of entries of a table with exact and lpm keys."""

    def remove(self, identity: bytes, entry: Entry) -> None:
        """Queue the removal of an entry that was put before."""

    def flush(self) -> None:
        """Send what is queued, in order; raise BpfError."""

    def reset(self, entries: Mapping[bytes, Entry], touched: Iterable[bytes]) -> None:
        """Drop what is queued and make the kernel agree with `entries` on the touched identities."""


class NoMap:
    """A table without a map: its entries are part of the program, or it has no key."""

    def put(self, identity: bytes, entry: Entry) -> None:
        """Do nothing: the entry is in the program's code."""

    def put_all(self, identities: Sequence[bytes], entries: Sequence[Entry]) -> None:
        """Do nothing."""

    def remove(self, identity: bytes, entry: Entry) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def reset(self, entries: Mapping[bytes, Entry], touched: Iterable[bytes]) -> None:
        """Do nothing."""


class DirectMap:
    """A HASH or LPM map: the identity is the kernel's key.

    The queue is a list of runs, each of writes (keys and values) or of removals (keys only).
    """

    def __init__(self, map_: BpfMap) -> None:
        self._map = map_
        self._runs: list[tuple[list[bytes], list[bytes] | None]] = []
        self._keys: list[bytes] = []
        self._values: list[bytes] | None = None

    def put(self, identity: bytes, entry: Entry) -> None:
        """Queue a write."""
        if self._values is None:
            self._keys, self._values = [], []
            self._runs.append((self._keys, self._values))
        self._keys.append(identity)
        self._values.append(entry.value)

    def put_all(self, identities: Sequence[bytes], entries: Sequence[Entry]) -> None:
        """Queue writes."""
        if identities:
            self.put(identities[0], entries[0])
            self._keys.extend(identities[1:])
            if self._values is not None:
                self._values.extend(entry.value for entry in entries[1:])

    def remove(self, identity: bytes, entry: Entry) -> None:
        """Queue a removal."""
        if self._values is not None or not self._runs:
            self._keys, self._values = [], None
            self._runs.append((self._keys, None))
        self._keys.append(identity)

    def flush(self) -> None:
        """Send the queue in order, each run in one system call."""
        runs = self._take()
        for keys, values in runs:
            if values is None:
                self._map.delete_many(keys)
            else:
                self._map.put_many(keys, values)

    def reset(self, entries: Mapping[bytes, Entry], touched: Iterable[bytes]) -> None:
        """Drop the queue and make these keys what `entries` says, one by one."""
        self._take()
        for identity in touched:
            entry = entries.get(identity)
            if entry is None:
                self._map.delete(identity)
            else:
                self._map.put(identity, entry.value)

    def _take(self) -> list[tuple[list[bytes], list[bytes] | None]]:
        runs, self._runs, self._values = self._runs, [], None
        return runs
