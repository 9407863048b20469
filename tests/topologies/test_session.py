"""Racks come up, and nothing of them stays, however they end."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from rackplane.topologies import cleanup, processes, state
from rackplane.topologies.down import End, take_down
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.rack import Rack, rack
from rackplane.topologies.services import Service, Stage
from rackplane.topologies.session import Plan, Planner, RackSession

pytestmark = pytest.mark.root


def planner(*services: Service) -> Planner:
    """A rack without a switch: only the launcher is under test here."""
    plan = Plan("none", {}, "nowhere", (Stage("services", lambda: services),))
    return lambda _directory: nullcontext(plan)


def sleeper(name: str, host: str = "") -> Service:
    return Service(name, ("sleep", "1000"), lambda: True, host)


@pytest.fixture
def name() -> Iterator[str]:
    unique = f"t{secrets.token_hex(3)}"
    yield unique
    cleanup.clean(unique)


def small(name: str) -> Rack:
    return rack(1, 1, name=name, switch=name)


def namespace(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/net").readlink()


def remains(name: str) -> list[str]:
    """Whatever is left of a rack."""
    interfaces = [entry.name for entry in Path("/sys/class/net").iterdir() if entry.name.startswith(f"{name}-eth")]
    pids = [str(process.pid) for process in processes.find_marked(f"{name}.")]
    files = [str(place) for place in (state.run_directory(name), cleanup.PIN_ROOT / name) if place.exists()]
    return interfaces + pids + files


def await_nothing(name: str, seconds: float = 10.0) -> list[str]:
    deadline = time.monotonic() + seconds
    while (left := remains(name)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_a_rack_comes_up_and_goes(name: str) -> None:
    session = RackSession(small(name), planner(sleeper("one"), sleeper("two", "m1")), lambda _text: nullcontext())
    with session as running:
        assert running == state.load(name)
        assert set(running.hosts) == {"c1", "m1"}
        assert set(running.services) == {"one", "two"}
        assert running.owner.alive
        assert Path(f"/sys/class/net/{name}-eth1").exists()
        assert (state.run_directory(name).stat().st_mode & 0o777) == 0o700
        seen = session.network.popen("c1", ["ip", "-brief", "address"], stdout=subprocess.PIPE).communicate()[0]
        assert b"c1-eth0" in seen
        assert b"10.0.0.1/16" in seen
        assert namespace(running.services["two"]) == namespace(running.hosts["m1"])
    assert remains(name) == []


def test_a_rack_whose_hosts_were_killed_goes(name: str) -> None:
    session = RackSession(small(name), planner(sleeper("one", "c1")), lambda _text: nullcontext())
    with session as running:
        processes.end_marked(running.mark)
    assert remains(name) == []


def test_a_second_rack_of_the_same_name_is_refused(name: str) -> None:
    with RackSession(small(name), planner(), lambda _text: nullcontext()):
        other = RackSession(small(name), planner(), lambda _text: nullcontext())
        with pytest.raises(TopologyError, match=f"a rack called '{name}' is running"):
            other.up()
        assert state.load(name).owner.alive


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (Service("ends", ("sh", "-c", "echo first; echo why >&2; exit 3"), lambda: False), "status 3: first | why"),
        (Service("silent", ("false",), lambda: False), "silent ended with status 1 and said nothing"),
        (Service("slow", ("sleep", "1000"), lambda: False, patience=0.2), "slow was not ready after 0.2 s"),
        (Service("absent", ("/no/such/program",), lambda: False), "cannot start absent: /no/such/program: No such"),
    ],
)
def test_a_service_that_fails_takes_the_rack_with_it(name: str, service: Service, message: str) -> None:
    session = RackSession(small(name), planner(sleeper("good"), service), lambda _text: nullcontext())
    with pytest.raises(LaunchError) as caught:
        session.up()
    assert message in str(caught.value)
    assert remains(name) == []


def test_a_taken_interface_is_named(name: str) -> None:
    subprocess.run(["ip", "link", "add", f"{name}-eth1", "type", "veth", "peer", "name", f"{name}-x"], check=True)
    try:
        with pytest.raises(LaunchError, match=f"the interface {name}-eth1 exists already"):
            RackSession(small(name), planner(), lambda _text: nullcontext()).up()
    finally:
        subprocess.run(["ip", "link", "del", f"{name}-x"], check=False, capture_output=True)


LAUNCHER = """
import sys, time
from contextlib import nullcontext
from rackplane.topologies.rack import rack
from rackplane.topologies.services import Service, Stage
from rackplane.topologies.session import Plan, RackSession
name = sys.argv[1]
command = ("sh", "-c", "sleep 1000 & sleep 1000")
services = tuple(Service(n, command, lambda: True, h) for n, h in (("a", ""), ("b", "c1")))
plan = Plan("none", {}, "nowhere", (Stage("services", lambda: services),))
with RackSession(rack(1, 1, name=name, switch=name), lambda d: nullcontext(plan), lambda text: nullcontext()):
    print("up", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays_after_the_launcher_was_killed(name: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"up\n"
        assert len(remains(name)) > 6
        launcher.send_signal(number)
    assert await_nothing(name) == []


def test_leftovers_of_a_killed_launcher_and_supervisor_are_removed(name: str) -> None:
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, name], stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"up\n"
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        watchers = [
            pid for pid in children if b"topologies.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert len(watchers) == 1
        os.kill(int(watchers[0]), signal.SIGKILL)
        launcher.kill()
    time.sleep(0.2)
    assert remains(name) != []
    assert not state.load(name).owner.alive
    assert not cleanup.clean(name)
    assert remains(name) == []


def test_down_ends_a_running_rack(name: str) -> None:
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, name], stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"up\n"
        assert state.is_alive(name)
        outcome = take_down(name)
        assert (outcome.end, bool(outcome.left)) == (End.STOPPED, False)
    assert remains(name) == []


def test_down_kills_a_launcher_that_does_not_listen(name: str) -> None:
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, name], stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"up\n"
        launcher.send_signal(signal.SIGSTOP)
        assert take_down(name, patience=1.0).end is End.STOPPED
    assert remains(name) == []


def test_down_without_a_rack(name: str) -> None:
    assert take_down(name).end is End.NOTHING


def test_down_takes_no_path_for_a_name() -> None:
    with pytest.raises(TopologyError, match="is no name"):
        take_down("../../tmp")
