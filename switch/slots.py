"""Numbers and ranges of shared memory that are given out, taken back, and given out again.

What is taken back may still be in the hands of a packet under way. So it waits until nothing else is left, and
then for all readers.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable

from rackplane.switch.readers import wait_for_readers


class Slots:
    """The numbers from `first` to `end` - 1."""

    def __init__(self, end: int, first: int = 0, wait: Callable[[], None] = wait_for_readers) -> None:
        self._next = first
        self._end = end
        self._free: deque[int] = deque()
        self._resting: list[int] = []
        self._wait = wait

    def take(self) -> int | None:
        """Return a number that no packet knows; None when all are in use."""
        if self._next < self._end:
            self._next += 1
            return self._next - 1
        if not self._free and self._resting:
            self._wait()
            self._free.extend(self._resting)
            self._resting.clear()
        return self._free.popleft() if self._free else None

    def give_back(self, number: int) -> None:
        """Take a number back."""
        self._resting.append(number)

    def reclaim(self, number: int) -> None:
        """Give out a certain number that was given back and not taken since."""
        (self._resting if number in self._resting else self._free).remove(number)


class Regions:
    """Ranges of `size` cells: first fit, neighbours that are free grow together."""

    def __init__(self, size: int, wait: Callable[[], None] = wait_for_readers) -> None:
        self._free: list[tuple[int, int]] = [(0, size)] if size else []
        self._resting: list[tuple[int, int]] = []
        self._wait = wait

    def take(self, count: int) -> int | None:
        """Return the first cell of a range that no packet looks at; None when there is no such range."""
        found = self._fit(count)
        if found is None and self._resting:
            self._wait()
            for start, length in self._resting:
                self._merge(start, length)
            self._resting.clear()
            found = self._fit(count)
        return found

    def give_back(self, start: int, count: int) -> None:
        """Take a range back."""
        self._resting.append((start, count))

    def _fit(self, count: int) -> int | None:
        for n, (start, length) in enumerate(self._free):
            if length >= count:
                if length == count:
                    del self._free[n]
                else:
                    self._free[n] = (start + count, length - count)
                return start
        return None

    def _merge(self, start: int, length: int) -> None:
        n = bisect_left(self._free, (start, length))
        if n < len(self._free) and start + length == self._free[n][0]:
            length += self._free.pop(n)[1]
        if n and sum(self._free[n - 1]) == start:
            before, more = self._free.pop(n - 1)
            start, length = before, more + length
        insort(self._free, (start, length))


class Lowest:
    """Numbers of which the lowest free one is always taken next."""

    def __init__(self) -> None:
        self._next = 0
        self._free: list[int] = []

    def take(self) -> int:
        """Return the lowest free number."""
        if self._free:
            return heapq.heappop(self._free)
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        """Take a number back."""
        heapq.heappush(self._free, number)
