"""What the demo found: values that a table or JSON is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rackplane.experiments.pagerank.graph import Graph
from rackplane.topologies.checks import LinkCount

TOP = 10


@dataclass(frozen=True)
class Node:
    """A node of the graph and its rank."""

    name: str
    rank: float


@dataclass(frozen=True)
class Check:
    """The comparison with the local computation: the largest difference of a rank, and the largest allowed."""

    held: bool
    largest_difference: float
    allowed: float


@dataclass(frozen=True)
class BladeReport:
    """What one worker's blade did. Latencies are those of 4 KiB pages that a load or store waited for, in us."""

    blade: str
    nodes: int
    edges: int
    faults: int
    read_faults: int
    write_faults: int
    upgrades: int
    invalidations: int
    write_backs: int
    pushes: int
    evictions: int
    retransmissions: int
    remote_reads: int
    remote_read_p50_us: float
    remote_read_p99_us: float


@dataclass(frozen=True)
class PortReport:
    """What passed through a switch port during the job."""

    port: int
    interface: str
    blade: str
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int


@dataclass(frozen=True)
class Report:
    """The whole result."""

    source: str
    nodes: int
    edges: int
    target: str
    compute: int
    memory: int
    rack_bytes: int
    top: tuple[Node, ...]
    iterations: int
    change: float
    load_seconds: float
    seconds: float
    check: Check
    blades: tuple[BladeReport, ...]
    ports: tuple[PortReport, ...]

    def as_data(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def top_nodes(graph: Graph, ranks: NDArray[np.float64], count: int = TOP) -> tuple[Node, ...]:
    """The nodes of the highest ranks; equal ranks are ordered by name."""
    chosen = np.argpartition(-ranks, min(count, len(ranks)) - 1)[: min(count, len(ranks))]
    order = sorted(chosen, key=lambda node: (-ranks[node], graph.names[node]))
    return tuple(Node(graph.names[node], float(ranks[node])) for node in order)


def compare(ranks: NDArray[np.float64], expected: NDArray[np.float64], allowed: float) -> Check:
    """Compare ranks; a rank that is not a number does not pass."""
    largest = float(np.max(np.abs(ranks - expected)))
    return Check(bool(largest <= allowed), largest, allowed)


def blade_report(blade: str, part: tuple[int, int], edges: int, stats: Mapping[str, object]) -> BladeReport:
    """The report of a worker from the statistics it sent."""

    def count(name: str) -> int:
        value = stats.get(name, 0)
        return value if isinstance(value, int) else 0

    fault = stats.get("fault")
    latency: Mapping[str, float] = fault if isinstance(fault, Mapping) else {}
    return BladeReport(
        blade=blade,
        nodes=part[1] - part[0],
        edges=edges,
        faults=count("read_faults") + count("write_faults") + count("upgrade_faults"),
        read_faults=count("read_faults"),
        write_faults=count("write_faults"),
        upgrades=count("upgrade_faults"),
        invalidations=count("invalidations"),
        write_backs=count("write_backs"),
        pushes=count("pushes"),
        evictions=count("evictions"),
        retransmissions=count("retransmissions"),
        remote_reads=int(latency.get("count", 0)),
        remote_read_p50_us=float(latency.get("p50_us", 0.0)),
        remote_read_p99_us=float(latency.get("p99_us", 0.0)),
    )


def port_reports(before: Sequence[LinkCount], after: Sequence[LinkCount]) -> tuple[PortReport, ...]:
    """The traffic between two looks at the switch's ports."""
    return tuple(
        PortReport(
            port=new.end.port,
            interface=new.end.interface,
            blade=new.peer.node,
            packets_in=new.packets_in - old.packets_in,
            bytes_in=new.bytes_in - old.bytes_in,
            packets_out=new.packets_out - old.packets_out,
            bytes_out=new.bytes_out - old.bytes_out,
        )
        for old, new in zip(before, after, strict=True)
    )
