"""Runs PageRank on a running rack: memory from the control plane, one worker process on each compute blade."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rackplane.control.mind.client import Client, Range
from rackplane.control.service import ServiceError
from rackplane.experiments.pagerank import worker as workers
from rackplane.experiments.pagerank.crew import Crew, JobError
from rackplane.experiments.pagerank.graph import Graph
from rackplane.experiments.pagerank.kernel import Settings
from rackplane.experiments.pagerank.layout import ROW_BYTES, Layout, parts
from rackplane.experiments.pagerank.reference import pagerank
from rackplane.experiments.pagerank.report import (
    Report,
    blade_report,
    compare,
    port_reports,
    top_nodes,
)
from rackplane.experiments.pagerank.worker import Task
from rackplane.topologies import checks
from rackplane.topologies.state import RackState

ALLOWED_DIFFERENCE = 1e-12
"""Of a rank after the same number of iterations: sums are taken in another order, nothing else differs."""
BARRIER_TIMEOUT = 60.0
_WRITTEN = ("share_a", "share_b", "ranks")


@dataclass(frozen=True)
class JobOptions:
    """How to run: when to stop, and how much of the rack's memory a blade may cache (0: the pager's default)."""

    settings: Settings
    cache_bytes: int = 0


def run_job(
    state: RackState, graph: Graph, source: str, options: JobOptions, progress: Callable[[int, float], None]
) -> Report:
    """PageRank of `graph` on the rack; `progress` is told of every iteration. Raises JobError."""
    layout = Layout(graph.nodes, graph.edges, len(state.rack.compute))
    with ExitStack() as stack:
        domain, ranges = stack.enter_context(_allocated(Client(Path(state.control)), layout))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=state.directory, prefix="pagerank.")))
        incoming = graph.incoming()
        _save(graph, scratch)
        bounds = parts(incoming.starts, layout.workers, max(ranges[name].region_size for name in _WRITTEN))
        tasks = [
            Task(
                worker=number,
                interface=f"{blade.name}-eth0",
                domain=domain,
                cpu=_processor(number),
                cache_bytes=options.cache_bytes,
                ranges={name: given.va for name, given in ranges.items()},
                layout=layout,
                part=bounds[number],
                settings=options.settings,
                scratch=str(scratch),
                timeout=BARRIER_TIMEOUT,
            )
            for number, blade in enumerate(state.rack.compute)
        ]
        before = checks.link_counts(state)
        with Crew(state, scratch) as crew:
            crew.start(tasks)
            results = crew.run(progress)
        after = checks.link_counts(state)
        ranks: NDArray[np.float64] = np.load(scratch / workers.RANKS_FILE)

    iterations = results[0].iterations
    expected = pagerank(graph, options.settings.damping, 0.0, iterations)
    edges = [int(incoming.starts[last] - incoming.starts[first]) for first, last in bounds]
    return Report(
        source=source,
        nodes=graph.nodes,
        edges=graph.edges,
        target=state.target,
        compute=len(state.rack.compute),
        memory=len(state.rack.memory),
        rack_bytes=sum(layout.sizes.values()),
        top=top_nodes(graph, ranks),
        iterations=iterations,
        change=results[0].change,
        load_seconds=max(result.load_seconds for result in results),
        seconds=max(result.seconds for result in results),
        check=compare(ranks, expected.ranks, ALLOWED_DIFFERENCE),
        blades=tuple(
            blade_report(blade.name, bounds[n], edges[n], results[n].stats)
            for n, blade in enumerate(state.rack.compute)
        ),
        ports=port_reports(before, after),
    )


@contextmanager
def _allocated(client: Client, layout: Layout) -> Iterator[tuple[int, dict[str, Range]]]:
    """A protection domain and a range of rack memory for each array; given back at the end."""
    ranges: dict[str, Range] = {}
    try:
        domain = client.new_domain()
        for name, size in layout.sizes.items():
            ranges[name] = client.alloc(size, domain, region_size=ROW_BYTES if name == "rows" else 0)
        yield domain, ranges
    except ServiceError as error:
        raise JobError(f"the control plane: {error}") from error
    finally:
        _give_back(client, ranges)


def _give_back(client: Client, ranges: dict[str, Range]) -> None:
    for given in ranges.values():
        try:
            client.free(given.va, force=True)
        except ServiceError as error:
            print(f"rackplane: the range at {given.va:#x} was not freed: {error}", file=sys.stderr)


def _save(graph: Graph, scratch: Path) -> None:
    incoming, degree = graph.incoming(), graph.out_degree()
    np.save(scratch / workers.STARTS_FILE, incoming.starts)
    np.save(scratch / workers.SOURCES_FILE, incoming.sources)
    inverse = np.divide(1.0, degree, out=np.zeros(graph.nodes), where=degree > 0)
    np.save(scratch / workers.INVERSE_FILE, inverse)


def _processor(number: int) -> int:
    """A processor for a worker and its pager: they take turns, and waking another processor costs more."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[number % len(usable)]
