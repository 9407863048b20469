"""What the demo's report says of ranks, statistics and ports."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from rackplane.experiments.pagerank.graph import from_edges
from rackplane.experiments.pagerank.kernel import Settings
from rackplane.experiments.pagerank.layout import Layout
from rackplane.experiments.pagerank.reference import pagerank
from rackplane.experiments.pagerank.report import Node, blade_report, compare, port_reports, top_nodes
from rackplane.experiments.pagerank.worker import Task, parse_task
from rackplane.hosts.compute.statistics import BladeStats, Latency
from rackplane.topologies.checks import LinkCount
from rackplane.topologies.rack import rack

GRAPH = from_edges([("b", "a"), ("c", "a"), ("d", "c")], nodes="abcd")


@pytest.mark.parametrize(
    ("ranks", "count", "expected"),
    [
        ([0.1, 0.4, 0.2, 0.3], 2, [("b", 0.4), ("d", 0.3)]),
        ([0.25, 0.25, 0.25, 0.25], 3, [("a", 0.25), ("b", 0.25), ("c", 0.25)]),
        ([0.1, 0.2, 0.3, 0.4], 10, [("d", 0.4), ("c", 0.3), ("b", 0.2), ("a", 0.1)]),
    ],
)
def test_top_nodes(ranks: list[float], count: int, expected: list[tuple[str, float]]) -> None:
    found = top_nodes(GRAPH, np.array(ranks), count)
    if len(set(ranks)) == 1:
        assert {node.rank for node in found} == {0.25}
        assert len(found) == count
    else:
        assert found == tuple(Node(*pair) for pair in expected)


@pytest.mark.parametrize(
    ("ranks", "held", "largest"),
    [
        ([0.5, 0.5], True, 0.0),
        ([0.5, 0.5 + 1e-13], True, 1e-13),
        ([0.5, 0.5 + 1e-11], False, 1e-11),
        ([0.5, 0.0], False, 0.5),
        ([0.5, float("nan")], False, float("nan")),
        ([0.5, float("inf")], False, float("inf")),
    ],
)
def test_a_check_holds_only_within_what_is_allowed(ranks: list[float], held: bool, largest: float) -> None:
    check = compare(np.array(ranks), np.array([0.5, 0.5]), 1e-12)
    assert check.held is held
    assert check.largest_difference == pytest.approx(largest, rel=1e-2, nan_ok=True)


def test_the_check_sees_one_lost_edge() -> None:
    names = [f"n{i}" for i in range(100)]
    edges = [(names[i], names[(i * 7 + 1) % 100]) for i in range(100)] + [(names[i], "n0") for i in range(1, 100)]
    whole, broken = from_edges(edges, names), from_edges(edges[:-1], names)
    ranks = pagerank(broken, 0.85, 0.0, 28).ranks
    assert not compare(ranks, pagerank(whole, 0.85, 0.0, 28).ranks, 1e-12).held


def test_a_blade_report_counts_all_faults() -> None:
    stats = BladeStats(
        read_faults=5,
        write_faults=3,
        upgrade_faults=2,
        evictions=1,
        fault=Latency(count=9, p50_us=40.0, p99_us=90.0),
    )
    report = blade_report("c1", (10, 30), 77, json.loads(json.dumps(asdict(stats))))
    assert (report.nodes, report.edges, report.faults, report.evictions) == (20, 77, 10, 1)
    assert (report.remote_reads, report.remote_read_p50_us, report.remote_read_p99_us) == (9, 40.0, 90.0)


def test_ports_show_what_passed_in_between() -> None:
    cable = rack().fabric.cables[0]
    before, after = (
        LinkCount(cable.second, cable.first, True, *counts) for counts in ((1, 10, 2, 20), (4, 400, 7, 700))
    )
    [port] = port_reports([before], [after])
    assert (port.port, port.interface, port.blade) == (1, "s1-eth1", "c1")
    assert (port.packets_in, port.bytes_in, port.packets_out, port.bytes_out) == (3, 390, 5, 680)


def test_a_task_survives_its_line() -> None:
    task = Task(
        worker=1,
        interface="c2-eth0",
        domain=3,
        cpu=0,
        cache_bytes=0,
        ranges={"starts": 1 << 40},
        layout=Layout(10, 20, 2),
        part=(5, 10),
        settings=Settings(0.85, 1e-6, 100),
        scratch="/run/x",
        timeout=60.0,
    )
    assert parse_task(task.to_json()) == task
    assert "\n" not in task.to_json()
