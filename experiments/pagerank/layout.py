"""PageRank's arrays in rack memory, and which nodes each worker has.

Each array is a range of rack memory of its own, so that the ranges spread over the memory blades:

    starts   int64[n + 1]     incoming edges of node v: sources[starts[v]:starts[v + 1]]
    sources  int32[m]
    inverse  float64[n]       1 / out-degree, 0 for a node without outgoing edges
    share_a  float64[n]       rank / out-degree, of even iterations
    share_b  float64[n]       the same, of odd iterations
    ranks    float64[n]       the result
    rows     one page for each worker: what it tells the others at the barrier (see kernel.py)

A row has a page, which is a coherence region, to itself, and the workers' parts of the other arrays begin where a
region begins: what one worker writes shares no region with what another one writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

ROW_BYTES = 4096
"""Also the region size of the rows' range."""
_ROW_WORDS = 8


@dataclass(frozen=True)
class Layout:
    """Sizes for a graph of `nodes` and `edges` and a number of `workers`."""

    nodes: int
    edges: int
    workers: int

    def __post_init__(self) -> None:
        """Raises ValueError for sizes that no graph has."""
        if min(self.nodes, self.workers) < 1 or self.edges < 0:
            raise ValueError(f"impossible layout: {self}")

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each array, by name; none is empty."""
        floats = 8 * self.nodes
        return {
            "starts": 8 * (self.nodes + 1),
            "sources": max(4 * self.edges, 4),
            "inverse": floats,
            "share_a": floats,
            "share_b": floats,
            "ranks": floats,
            "rows": self.workers * ROW_BYTES,
        }


@dataclass(frozen=True)
class Arrays:
    """Views of the ranges: loads and stores through them are loads and stores of rack memory."""

    starts: NDArray[np.int64]
    sources: NDArray[np.int32]
    inverse: NDArray[np.float64]
    shares: tuple[NDArray[np.float64], NDArray[np.float64]]
    ranks: NDArray[np.float64]
    rows: tuple[NDArray[np.float64], ...]


def views(layout: Layout, ranges: Mapping[str, memoryview]) -> Arrays:
    """The arrays in the ranges of these names; nothing is read or written. Raises ValueError for a short range."""
    for name, size in layout.sizes.items():
        if len(ranges[name]) < size:
            raise ValueError(f"the range of {name} has {len(ranges[name])} bytes, but {size} are needed")

    def floats(name: str, count: int = layout.nodes, offset: int = 0) -> NDArray[np.float64]:
        return np.frombuffer(ranges[name], np.float64, count, offset)

    return Arrays(
        starts=np.frombuffer(ranges["starts"], np.int64, layout.nodes + 1),
        sources=np.frombuffer(ranges["sources"], np.int32, layout.edges),
        inverse=floats("inverse"),
        shares=(floats("share_a"), floats("share_b")),
        ranks=floats("ranks"),
        rows=tuple(floats("rows", _ROW_WORDS, worker * ROW_BYTES) for worker in range(layout.workers)),
    )


def parts(starts: NDArray[np.int64], workers: int, region: int) -> list[tuple[int, int]]:
    """For each worker the nodes (first, last + 1) of its part; all have about as much work (nodes and edges).

    Parts begin where a region (`region` bytes) of float64 begins. With fewer regions than workers some have none.
    """
    nodes = len(starts) - 1
    unit = region // 8
    work = starts + np.arange(nodes + 1)
    bounds = [0]
    for worker in range(1, workers):
        wanted = int(np.searchsorted(work, work[-1] * worker / workers))
        bounds.append(min(nodes, max(bounds[-1], round(wanted / unit) * unit)))
    bounds.append(nodes)
    return list(pairwise(bounds))
