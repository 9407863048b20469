"""Idle timeouts of a table's entries (spec, "Idle-timeout"). Times are nanoseconds of CLOCK_MONOTONIC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class IdleTimers:
    """When each entry was hit last, which the program writes, and which entries are watched, by handle."""

    def __init__(self, hits: NDArray[np.unsignedinteger]) -> None:
        self._hits = hits
        self._ttl = np.zeros(len(hits), np.uint64)
        self._since = np.zeros(len(hits), np.uint64)
        self._watched: dict[int, bytes] = {}
        self._end = 0

    def begin(self, handle: int, now: int) -> None:
        """A new entry has this handle; it counts as hit when it was made."""
        self._hits[handle] = now

    def watch(self, handle: int, ttl: int, identity: bytes, now: int) -> None:
        """Report an entry whenever it has not been hit for `ttl` ns; 0 ends that."""
        self._ttl[handle], self._since[handle] = ttl, now
        if ttl:
            self._watched[handle] = identity
            self._end = max(self._end, handle + 1)
        else:
            self._watched.pop(handle, None)

    def forget(self, handle: int) -> None:
        """The entry of this handle is gone."""
        self.watch(handle, 0, b"", 0)

    def elapsed(self, handle: int, now: int) -> int:
        """Return for how long an entry has not been hit."""
        return max(now - int(self._hits[handle]), 0)

    def expired(self, now: int) -> list[bytes]:
        """Return the entries that were not hit for as long as their ttl, and start their time anew."""
        if not self._watched:
            return []
        ttl = self._ttl[: self._end]
        due = np.flatnonzero((ttl > 0) & (self._starts() + ttl <= now))
        self._since[due] = now
        return [self._watched[handle] for handle in due.tolist()]

    def deadline(self) -> int | None:
        """Return when the first entry is due if nothing hits it; None when none is watched."""
        if not self._watched:
            return None
        ttl = self._ttl[: self._end]
        watched = ttl > 0
        return int((self._starts()[watched] + ttl[watched]).min())

    def _starts(self) -> NDArray[np.uint64]:
        return np.maximum(self._hits[: self._end].astype(np.uint64), self._since[: self._end])
