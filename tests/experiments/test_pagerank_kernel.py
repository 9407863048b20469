"""The workers' computation on plain shared memory, with threads in place of blades."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackplane.experiments.pagerank.graph import Graph, from_edges
from rackplane.experiments.pagerank.kernel import Barrier, BarrierTimeoutError, Outcome, Settings, iterate
from rackplane.experiments.pagerank.layout import Arrays, Layout, parts, views
from rackplane.experiments.pagerank.reference import pagerank

STRIDE = 4096
edges = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda e: (str(e[0]), str(e[1]))), max_size=200
)


def load(graph: Graph, workers: int) -> tuple[Arrays, list[tuple[int, int]]]:
    layout = Layout(graph.nodes, graph.edges, workers)
    arrays = views(layout, {name: memoryview(bytearray(size)) for name, size in layout.sizes.items()})
    incoming = graph.incoming()
    arrays.starts[:] = incoming.starts
    arrays.sources[:] = incoming.sources
    degree = graph.out_degree()
    np.divide(1.0, degree, out=arrays.inverse, where=degree > 0)
    return arrays, parts(incoming.starts, workers, STRIDE)


def run(graph: Graph, workers: int, how: Settings) -> tuple[Arrays, list[Outcome]]:
    arrays, bounds = load(graph, workers)
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(iterate, arrays, bounds[w], Barrier(arrays.rows, w, 20), how) for w in range(workers)]
        return arrays, [job.result() for job in jobs]


@settings(max_examples=25, deadline=None)
@given(edges=edges, isolated=st.integers(1, 2000), workers=st.integers(1, 4))
def test_workers_agree_with_the_reference(edges: list[tuple[str, str]], isolated: int, workers: int) -> None:
    graph = from_edges(edges, [f"n{i}" for i in range(isolated)])
    how = Settings(0.85, 1e-9, 60)
    arrays, outcomes = run(graph, workers, how)
    expected = pagerank(graph, how.damping, how.tolerance, how.max_iterations)
    assert set(outcomes) == {outcomes[0]}
    assert abs(outcomes[0].iterations - expected.iterations) <= 1
    assert np.abs(arrays.ranks - expected.ranks).max() < 1e-8
    assert arrays.ranks.sum() == pytest.approx(1.0)


def test_a_known_answer() -> None:
    # Two pages that link to each other, and a third that links to the first: solved by hand for damping 1/2.
    arrays, _ = run(from_edges([("a", "b"), ("b", "a"), ("c", "a")]), 2, Settings(0.5, 1e-14, 200))
    by_name = dict(zip(from_edges([("a", "b"), ("b", "a"), ("c", "a")]).names, arrays.ranks, strict=True))
    assert by_name == pytest.approx({"a": 4 / 9, "b": 7 / 18, "c": 1 / 6})


def test_the_iteration_limit_holds() -> None:
    _, outcomes = run(from_edges([("a", "b"), ("b", "c")]), 2, Settings(0.85, 0.0, 7))
    assert [outcome.iterations for outcome in outcomes] == [7, 7]


@given(
    degrees=st.lists(st.integers(0, 5000), min_size=1, max_size=3000),
    workers=st.integers(1, 16),
    stride=st.sampled_from([4096, 16384]),
)
def test_parts_cover_all_nodes_and_share_no_region(degrees: list[int], workers: int, stride: int) -> None:
    starts = np.concatenate([[0], np.cumsum(degrees)])
    bounds = parts(starts, workers, stride)
    assert len(bounds) == workers
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(degrees)
    assert all(left[1] == right[0] for left, right in pairwise(bounds))
    assert all(first <= last for first, last in bounds)
    assert all(first % (stride // 8) == 0 or first == len(degrees) for first, _ in bounds)


def test_parts_balance_the_edges() -> None:
    starts = np.arange(0, 4 * 65536 + 1, 4)
    assert parts(starts, 2, 4096) == [(0, 32768), (32768, 65536)]


@given(nodes=st.integers(1, 5000), edges=st.integers(0, 20000), workers=st.integers(1, 16))
def test_arrays_do_not_overlap(nodes: int, edges: int, workers: int) -> None:
    layout = Layout(nodes, edges, workers)
    memory = {name: bytearray(size) for name, size in layout.sizes.items()}
    arrays = views(layout, {name: memoryview(content) for name, content in memory.items()})
    pieces: list[np.ndarray] = [
        arrays.starts,
        arrays.sources,
        arrays.inverse,
        *arrays.shares,
        arrays.ranks,
        *arrays.rows,
    ]
    for piece in pieces:
        piece.view(np.uint8)[:] += 1
    assert max(max(content) for content in memory.values()) == 1
    assert sum(sum(content) for content in memory.values()) == sum(piece.nbytes for piece in pieces)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_impossible_layouts(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="impossible layout"):
        Layout(*sizes)


def test_a_short_range_is_refused() -> None:
    layout = Layout(10, 10, 2)
    short = {**layout.sizes, "ranks": 79}
    with pytest.raises(ValueError, match="the range of ranks has 79 bytes, but 80 are needed"):
        views(layout, {name: memoryview(bytearray(size)) for name, size in short.items()})


def test_the_barrier_separates_epochs() -> None:
    rows = [np.zeros(8) for _ in range(3)]
    total, seen = np.zeros(3), []

    def work(worker: int) -> None:
        barrier = Barrier(rows, worker, 10)
        for epoch in range(1, 100):
            total[worker] = epoch
            assert barrier.meet(epoch, worker) == (3 * epoch, 3)
            seen.append(total.min() >= epoch)
            barrier.meet()

    threads = [threading.Thread(target=work, args=(w,)) for w in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 3 * 99
    assert all(seen)


def test_a_missing_worker_is_named() -> None:
    barrier = Barrier([np.zeros(8), np.zeros(8)], 0, 0.05)
    with pytest.raises(BarrierTimeoutError, match=r"worker 1 did not reach barrier 1 in 0.05 s"):
        barrier.meet()
