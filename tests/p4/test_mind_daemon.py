"""The control plane as a process: python -m rackplane.control.mind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from mind_bench import HOSTS, MACS, MEMORY_HOSTS, RACK
from mind_packets import Op, Reth, Verb, frame, parse
from mind_target import Cables, switch
from mind_targets import TARGETS, usable

from rackplane.control.mind.client import Client
from rackplane.control.mind.daemon import Settings
from rackplane.control.service import ServiceError

PATIENCE = 30.0


@dataclass
class Daemon:
    """A control plane that serves at `socket`, and its command."""

    process: subprocess.Popen[str]
    socket: Path
    command: list[str]


def rack_file(folder: Path) -> Path:
    def host(blade: object) -> dict[str, object]:
        fields = dict(vars(blade))
        mac = fields["mac"].to_bytes(6, "big").hex(":")
        return {**fields, "ip": str(IPv4Address(fields["ip"])), "mac": mac}

    path = folder / "rack.json"
    path.write_text(
        json.dumps({"compute": [host(b) for b in RACK.compute], "memory": [host(b) for b in RACK.memory]})
    )
    return path


def command_of(settings: Settings, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "rackplane.control.mind", "--switch", settings.address]
    command += ["--device-id", str(settings.device_id), "--p4info", str(settings.p4info)]
    command += ["--config", str(settings.config), "--rack", str(rack_file(folder))]
    return [*command, "--listen", str(folder / "mind.sock")]


@pytest.fixture(scope="module", params=TARGETS)
def settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    target = usable(request.param)
    with Cables(MACS) as cables, switch(target, cables, tmp_path_factory.mktemp("switch")) as made:
        yield made


def started(command: list[str], socket: Path) -> subprocess.Popen[str]:
    """A control plane that serves."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE
    while not answers(socket):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def answers(socket: Path) -> bool:
    """A killed one leaves its socket file behind, and nobody listens there."""
    try:
        Client(socket).stats()
    except ServiceError:
        return False
    return True


@pytest.fixture
def daemon(settings: Settings, tmp_path: Path) -> Iterator[Daemon]:
    command, socket = command_of(settings, tmp_path), tmp_path / "mind.sock"
    process = started(command, socket)
    try:
        yield Daemon(process, socket, command)
    finally:
        process.terminate()
        process.wait(10)


def test_a_range_from_birth_to_death(daemon: Daemon) -> None:
    client = Client(daemon.socket)
    made = client.alloc(100_000, 5)
    assert (made.size, made.regions, made.region_size) == (131072, 8, 16384)
    assert [region["state"] for region in client.regions()] == ["I"] * 8
    assert client.new_domain() not in (5, 0)
    assert client.protect(made.va, 4096, 6, "r") == {"inserted": 1, "deleted": 0, "recalled": 0}
    assert client.stats()["protection_entries"] == 2
    assert client.free(made.va) == made.size
    assert client.regions() == []
    with pytest.raises(ServiceError, match=f"no range starts at {made.va:#x}"):
        client.free(made.va)


def test_ends_cleanly(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(10) == 0
    assert not daemon.socket.exists()
    assert daemon.process.stderr is not None
    assert daemon.process.stderr.read() == ""


def test_a_second_one_begins_anew(daemon: Daemon, settings: Settings) -> None:
    """The switch keeps running; the tables that the first one filled are made empty."""
    assert Client(daemon.socket).alloc(1 << 20, 5).regions == 64
    daemon.process.terminate()
    daemon.process.wait(10)
    second = started(daemon.command, daemon.socket)
    try:
        client = Client(daemon.socket)
        assert client.regions() == []
        assert client.alloc(1 << 20, 5).regions == 64
    finally:
        second.terminate()
        second.wait(10)


@pytest.mark.parametrize("name", TARGETS)
def test_memory_is_served_while_the_control_plane_is_dead(name: str, tmp_path: Path) -> None:
    """Translation, rights and the directory are in the switch. The next control plane begins anew."""
    target = usable(name)
    with Cables(MACS) as cables, switch(target, cables, tmp_path) as settings:
        command, socket = command_of(settings, tmp_path), tmp_path / "mind.sock"
        first = started(command, socket)
        client = Client(socket)
        direct, coherent = (client.alloc(1 << 16, 5, coherent=kind).va for kind in (False, True))
        first.kill()
        first.wait(10)
        for va, op, length in ((direct, Op.READ, 64), (coherent, Op.GET_SHARED, 1024)):
            blade = (va >> 40) - 1
            request = Verb(op, 3, 8, reth=Reth(va, 5, length))
            came = cables.exchange(1, frame(request, HOSTS[1]))
            asked = parse(came[MEMORY_HOSTS[blade].port][0], MEMORY_HOSTS[blade])
            assert (asked.op, asked.reth and asked.reth.length) == (Op.READ, length)
        second = started(command, socket)
        try:
            assert client.stats()["ranges"] == 0
            assert client.alloc(1 << 16, 5, coherent=False).va == direct
        finally:
            second.terminate()
            second.wait(10)


def refusal(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_switch(settings: Settings, tmp_path: Path) -> None:
    command = command_of(settings, tmp_path)
    command[command.index("--switch") + 1] = "127.0.0.1:1"
    assert "the switch at 127.0.0.1:1 cannot be programmed" in refusal(command)


def test_a_config_that_is_none(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("{}")
    command = command_of(settings, tmp_path)
    command[command.index("--config") + 1] = str(tmp_path / "broken")
    assert "the switch" in refusal(command)


def test_no_rack(settings: Settings, tmp_path: Path) -> None:
    command = command_of(settings, tmp_path)
    (tmp_path / "rack.json").write_text("[]")
    assert "needs a list of blades called 'compute'" in refusal(command)


@pytest.mark.parametrize("name", [param.values[0] for param in TARGETS])
def test_a_switch_that_goes_away_ends_it(name: str, tmp_path: Path) -> None:
    target = usable(name)
    with Cables(MACS) as cables:
        with switch(target, cables, tmp_path) as settings:
            process = started(command_of(settings, tmp_path), tmp_path / "mind.sock")
        assert process.wait(PATIENCE) == 1
    assert process.stderr is not None
    assert "went away" in process.stderr.read()
