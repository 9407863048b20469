"""Whole racks through the command line: the demo, a detached rack, the prompt, and what stays afterwards."""

from __future__ import annotations

import itertools
import signal
import subprocess
from pathlib import Path

import pytest
from rackplane_command import BMV2, Rackplane

from rackplane.topologies import state

pytestmark = pytest.mark.root


@pytest.mark.parametrize("target", ["xdp", BMV2])
@pytest.mark.parametrize(("compute", "memory"), [(2, 2), (3, 1)])
def test_the_demo_computes_ranks_in_rack_memory(
    rackplane: Rackplane, edge_list: Path, target: str, compute: int, memory: int
) -> None:
    report = rackplane.json(
        *("demo", "--name", rackplane.name, "--target", target, "--graph", str(edge_list)),
        *("--compute", str(compute), "--memory", str(memory), "--iterations", "10", "--tolerance", "0"),
    )
    assert report["check"]["held"] is True
    assert 0 <= report["check"]["largest_difference"] <= report["check"]["allowed"]
    assert (report["target"], report["iterations"], report["edges"] > 10_000) == (target, 10, True)
    ranks = [node["rank"] for node in report["top"]]
    assert len(ranks) == 10
    assert ranks == sorted(ranks, reverse=True)
    assert len(report["blades"]) == compute
    for blade in report["blades"]:
        assert blade["faults"] >= blade["remote_reads"] > 0
        assert 0 < blade["remote_read_p50_us"] <= blade["remote_read_p99_us"]
    assert sum(blade["invalidations"] for blade in report["blades"]) > 0
    assert sum(blade["pushes"] for blade in report["blades"]) > 0
    assert len(report["ports"]) == compute + memory
    # All that the blades read came through the switch: four segments of a page and more.
    answered = sum(port["bytes_out"] for port in report["ports"][:compute])
    assert answered > sum(blade["read_faults"] for blade in report["blades"]) * 4096
    assert rackplane.remains() == []


def test_a_small_cache_evicts_and_loses_nothing(rackplane: Rackplane, edge_list: Path) -> None:
    report = rackplane.json(
        "demo", "--name", rackplane.name, "--graph", str(edge_list), "--cache", "64K", "--iterations", "8"
    )
    assert report["check"]["held"] is True
    assert all(blade["evictions"] > 0 for blade in report["blades"])


@pytest.mark.parametrize("target", ["xdp", BMV2])
def test_a_detached_rack_is_used_and_taken_down(rackplane: Rackplane, target: str) -> None:
    up = rackplane.json("up", "rack", "--name", rackplane.name, "--detach", "--target", target)
    assert set(up["hosts"]) == {"c1", "c2", "m1", "m2"}
    assert set(up["services"]) == {"switch", "m1", "m2", "control"}
    assert state.is_alive(rackplane.name)

    mind = ("ctl", "mind", "--rack", rackplane.name)
    given = rackplane.json(*mind, "alloc", "100K")
    assert (given["size"], given["regions"] * given["region_size"]) == (128 << 10, 128 << 10)
    regions = rackplane.json(*mind, "regions")
    assert len(regions) == given["regions"]
    counts = rackplane.json(
        *mind, "protect", hex(given["va"]), "64K", "--domain", str(given["domain"]), "--rights", "r"
    )
    assert counts
    assert rackplane.json(*mind, "stats")["ranges"] == 1
    assert rackplane.json(*mind, "free", hex(given["va"]))["size"] == 128 << 10
    refused = rackplane.run(*mind, "free", hex(given["va"]))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr

    second = rackplane.run("up", "rack", "--name", rackplane.name, "--detach")
    assert second.returncode == 1
    assert f"a rack called '{rackplane.name}' is running" in second.stderr

    [outcome] = [o for o in rackplane.json("down", rackplane.name) if o["name"] == rackplane.name]
    assert outcome == {"name": rackplane.name, "end": "stopped", "processes": [], "interfaces": []}
    assert rackplane.remains() == []


@pytest.mark.parametrize("target", ["xdp", BMV2])
def test_the_prompt_checks_the_rack(rackplane: Rackplane, target: str) -> None:
    lines = "ping c1 m2\npingall\nmemory\nstats\nexit\n"
    done = rackplane.run("up", "rack", "--name", rackplane.name, "--target", target, stdin=lines)
    assert done.returncode == 0, done.stderr
    assert "c1 -> m2: 3 of 3 came back" in done.stdout
    assert "12 of 12 pings came back" in done.stdout
    for blade in ("c1", "c2"):
        assert f"{blade}: wrote and read back 64 bytes at 0x" in done.stdout
    assert "ENDED" not in done.stdout
    assert rackplane.remains() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["switch", "PageRank"])
def test_nothing_stays_of_a_demo_that_is_killed(
    rackplane: Rackplane, edge_list: Path, number: signal.Signals, moment: str
) -> None:
    """At its start, while services come up; and in the middle of the job."""
    arguments = (
        "demo",
        "--name",
        rackplane.name,
        "--graph",
        str(edge_list),
        "--iterations",
        "100000",
        "--tolerance",
        "0",
    )
    before = {"switch": "compiled", "PageRank": "control plane"}[moment]
    with rackplane.start(*arguments) as demo:
        assert demo.stderr is not None
        seen = list(itertools.takewhile(lambda line: before not in line, demo.stderr))
        assert seen
        if moment == "PageRank":
            with pytest.raises(subprocess.TimeoutExpired):
                demo.wait(1.0)
        demo.send_signal(number)
        demo.communicate(timeout=60)
        assert demo.returncode != 0
    assert rackplane.await_nothing() == []
