"""One worker's PageRank: plain loads and stores on arrays that all workers share.

It does not know that the arrays are rack memory. Iteration k reads shares[k % 2] and writes the worker's own part
of shares[(k + 1) % 2]; a barrier separates iterations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rackplane.experiments.pagerank.layout import Arrays

_EPOCH = 0
_VALUES = (1, 3)
"""First word of the values of even and odd epochs: a slow reader of one epoch meets no value of the next."""
_SPINS = 200
_NAP = 50e-6


class BarrierTimeoutError(Exception):
    """A worker did not come to the barrier in time."""


class Barrier:
    """A barrier in shared memory: each worker counts epochs in a row of its own and waits for all other rows.

    A row is written by its worker alone. On x86 and on memory whose page faults are synchronous, the values are
    visible before the epoch that announces them.
    """

    def __init__(self, rows: Sequence[NDArray[np.float64]], worker: int, timeout: float) -> None:
        self._rows = rows
        self._worker = worker
        self._timeout = timeout
        self._epoch = 0

    def meet(self, first: float = 0.0, second: float = 0.0) -> tuple[float, float]:
        """Wait until every worker is here; the result is the sums of what they brought, in the order of workers."""
        self._epoch += 1
        at = _VALUES[self._epoch % 2]
        mine = self._rows[self._worker]
        mine[at], mine[at + 1] = first, second
        mine[_EPOCH] = self._epoch
        for number, row in enumerate(self._rows):
            if number != self._worker:
                self._await(number, row)
        values = [(float(row[at]), float(row[at + 1])) for row in self._rows]
        return sum(v[0] for v in values), sum(v[1] for v in values)

    def _await(self, number: int, row: NDArray[np.float64]) -> None:
        deadline = time.monotonic() + self._timeout
        spins = 0
        while row[_EPOCH] < self._epoch:
            spins += 1
            if spins < _SPINS:
                continue
            if time.monotonic() > deadline:
                raise BarrierTimeoutError(
                    f"worker {number} did not reach barrier {self._epoch} in {self._timeout:g} s"
                )
            time.sleep(_NAP)


@dataclass(frozen=True)
class Settings:
    """When to stop: after `max_iterations`, or when all ranks together change by at most `tolerance`."""

    damping: float
    tolerance: float
    max_iterations: int


@dataclass(frozen=True)
class Outcome:
    """How a worker's run ended; all workers have the same."""

    iterations: int
    change: float


def iterate(
    arrays: Arrays,
    part: tuple[int, int],
    barrier: Barrier,
    settings: Settings,
    progress: Callable[[int, float], None] = lambda _iteration, _change: None,
) -> Outcome:
    """Compute the ranks of the nodes in `part`, in step with the other workers, into `arrays.ranks`."""
    first, last = part
    nodes = len(arrays.ranks)
    ranks = np.full(last - first, 1.0 / nodes)
    inverse = arrays.inverse[first:last]
    arrays.shares[0][first:last] = ranks * inverse
    dangling, _ = barrier.meet(float(ranks[inverse == 0].sum()))
    change, iteration = float("inf"), 0
    while change > settings.tolerance and iteration < settings.max_iterations:
        received = gather(arrays, arrays.shares[iteration % 2], first, last)
        fresh = settings.damping * (received + dangling / nodes) + (1.0 - settings.damping) / nodes
        iteration += 1
        arrays.shares[iteration % 2][first:last] = fresh * inverse
        mine = float(np.abs(fresh - ranks).sum())
        ranks = fresh
        dangling, change = barrier.meet(float(ranks[inverse == 0].sum()), mine)
        progress(iteration, change)
    arrays.ranks[first:last] = ranks
    barrier.meet()
    return Outcome(iteration, change)


def gather(arrays: Arrays, shares: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """For each node from `first` to `last` - 1, the sum of the shares of its sources."""
    received = np.zeros(last - first)
    if first == last:
        return received
    starts = arrays.starts[first : last + 1]
    incoming = shares[arrays.sources[starts[0] : starts[-1]]]
    # reduceat gives an empty row its next element: rows without edges must not take part.
    filled = np.flatnonzero(starts[1:] > starts[:-1])
    if len(filled):
        received[filled] = np.add.reduceat(incoming, starts[:-1][filled] - starts[0])
    return received
