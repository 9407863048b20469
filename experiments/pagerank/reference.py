"""PageRank in local memory, to check the rack's answer against. It shares no code with the worker.

The worker gathers along incoming edges, range by range; this scatters along outgoing edges, all at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rackplane.experiments.pagerank.graph import Graph


@dataclass(frozen=True)
class Ranking:
    """Ranks (they add up to 1), the number of iterations, and the sum of all changes in the last one."""

    ranks: NDArray[np.float64]
    iterations: int
    change: float


def pagerank(graph: Graph, damping: float, tolerance: float, max_iterations: int) -> Ranking:
    """Power iteration from equal ranks until the ranks change by at most `tolerance` in sum.

    The rank of a node without outgoing edges is shared by all nodes (Page et al., 1998).
    """
    degree = graph.out_degree()
    dangling = degree == 0
    ranks = np.full(graph.nodes, 1.0 / graph.nodes)
    change, iteration = float("inf"), 0
    while change > tolerance and iteration < max_iterations:
        share = ranks / np.maximum(degree, 1)
        received = np.bincount(graph.targets, weights=share[graph.sources], minlength=graph.nodes)
        fresh = damping * (received + ranks[dangling].sum() / graph.nodes) + (1.0 - damping) / graph.nodes
        change = float(np.abs(fresh - ranks).sum())
        ranks = fresh
        iteration += 1
    return Ranking(ranks, iteration, change)
