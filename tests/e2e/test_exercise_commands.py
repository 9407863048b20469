"""A topology file through the command line: up, exec and down, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from rackplane_command import Rackplane

pytestmark = pytest.mark.root

POD = Path(__file__).parents[1] / "topologies" / "exercises" / "pod" / "topology.json"


def test_a_detached_topology_is_used_and_taken_down(rackplane: Rackplane) -> None:
    up = rackplane.json("up", str(POD), "--name", rackplane.name, "--detach")
    assert set(up["hosts"]) == {"h1", "h2", "h3", "h4"}
    assert set(up["services"]) == {"s1", "s2", "s3", "s4"}
    assert [address["device_id"] for address in up["switches"].values()] == [0, 1, 2, 3]
    on = ("exec", "--rack", rackplane.name)
    pinged = rackplane.run(*on, "h1", "ping", "-c", "2", "-W", "5", "10.0.4.4")
    assert (pinged.returncode, "2 received" in pinged.stdout) == (0, True)
    assert rackplane.run(*on, "h2", "sh", "-c", "exit 7").returncode == 7
    for arguments, message in (
        ((*on, "h9", "true"), "no host is called 'h9'; this rack has h1, h2, h3, h4"),
        (("exec", "--rack", "nothere", "h1", "true"), "no rack called 'nothere' is running"),
        (("ctl", "mind", "--rack", rackplane.name, "stats"), "cannot be reached"),
    ):
        refused = rackplane.run(*arguments)
        assert refused.returncode == 1
        assert message in refused.stderr
        assert "Traceback" not in refused.stderr
    assert rackplane.json("down", rackplane.name)[0]["end"] == "stopped"
    assert rackplane.remains() == []


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("up", "nothere.json"), 1, "nothere.json: No such file"),
        (("up", "nothere.json", "--detach"), 1, "nothere.json: No such file"),
        (("up", str(POD), "--compute", "3"), 2, "--compute does not go with this"),
        (("up", "rack", "--program", "x.p4"), 2, "--program does not go with this: a rack runs mind.p4"),
        (("up", str(POD), "--program", "nothere.p4"), 1, "there is no file 'nothere.p4' here"),
        (("up", str(POD), "--program", str(POD)), 1, "topology.json does not compile"),
        (("up", str(POD.with_name("s1-runtime.json"))), 1, "s1-runtime.json: $ has no 'hosts'"),
    ],
)
def test_what_is_refused(rackplane: Rackplane, arguments: tuple[str, ...], status: int, message: str) -> None:
    done = rackplane.run(*arguments, "--name", rackplane.name)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert rackplane.remains() == []
