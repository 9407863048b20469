"""The switch as a process: readiness, packets, and an end that leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import basic_program as basic
import pytest
import switch_client as p4
from switch_hosts import Links

from rackplane.compiler.bundle import Bundle
from rackplane.switch.errors import SwitchError
from rackplane.switch.target import SwitchProcess, SwitchSetup, free_port, running
from rackplane.switch.xdp import XdpTarget

pytestmark = pytest.mark.root


@pytest.fixture
def bundle(tmp_path: Path, basic_object: bytes) -> Path:
    """The hand-written program as the compiler would have packed it."""
    path = tmp_path / "basic.xdp.zip"
    Bundle(basic.manifest(), "", basic.p4info().SerializeToString(), "", basic_object).save(path)
    return path


def start(*arguments: str, **kwargs: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rackplane.switch", "--grpc", "127.0.0.1:0", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **kwargs)


def wait_ready(state_dir: Path, process: subprocess.Popen[str]) -> dict[str, object]:
    deadline = time.monotonic() + 10
    while not (state_dir / "ready.json").exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return json.loads((state_dir / "ready.json").read_text())


def cpu_interfaces() -> set[str]:
    return {p.name for p in Path("/sys/class/net").iterdir() if p.name.startswith("rpcpu")}


def xdp_on(interface: str) -> bool:
    shown = subprocess.run(["ip", "-d", "link", "show", interface], check=True, capture_output=True, text=True)
    return "prog/xdp" in shown.stdout


def gone(before: set[str]) -> bool:
    """Whether the kernel has removed the CPU port's pair, which takes it a moment after a kill."""
    deadline = time.monotonic() + 5
    while cpu_interfaces() - before and time.monotonic() < deadline:
        time.sleep(0.02)
    return not cpu_interfaces() - before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, "end of stdin"])
def test_nothing_is_left(tmp_path: Path, links: Links, bundle: Path, how: signal.Signals | str) -> None:
    before, state = cpu_interfaces(), tmp_path / "state"
    ports = [f"--port={n}={name}" for n, name in links.ports.items()]
    options = ["--state-dir", str(state), "--program", str(bundle), "--cpu-port", "510", "--device-id", "7"]
    process = start(*ports, *options, "--until-eof", stdin=subprocess.PIPE)
    facts = wait_ready(state, process)
    assert (facts["device_id"], facts["pid"]) == (7, process.pid)
    client = p4.Client(str(facts["grpc"]))
    client.insert(p4.l2(0x0200, 2))
    client.close()
    assert cpu_interfaces() - before
    assert xdp_on(links.ports[1])
    if isinstance(how, signal.Signals):
        process.send_signal(how)
    else:
        process.stdin.close()
    process.wait(5)
    assert gone(before)
    assert not xdp_on(links.ports[1])
    if how is not signal.SIGKILL:
        assert process.returncode == 0
        assert not (state / "ready.json").exists()


STARTS: list[tuple[list[str], str]] = [
    (["--port", "1=nowhere0"], "there is no interface nowhere0"),
    (["--port", "1"], "PORT=INTERFACE"),
    (["--port", "1=lo", "--port", "1=lo"], "port 1 is given twice"),
    (["--port", "1=lo", "--port", "2=lo"], "lo is both port 1 and port 2"),
    (["--grpc", "nonsense"], "HOST:PORT"),
    (["--device-id", "-1"], "--device-id"),
    (["--program", "/nowhere.xdp.zip"], "cannot run /nowhere.xdp.zip"),
]


@pytest.mark.parametrize(("arguments", "message"), STARTS, ids=[" ".join(a) for a, _ in STARTS])
def test_bad_starts_are_explained(arguments: list[str], message: str) -> None:
    process = start(*arguments)
    _, said = process.communicate(timeout=10)
    assert process.returncode != 0
    assert message in said
    assert "Traceback" not in said


def test_two_switches_on_one_address_or_port(tmp_path: Path, links: Links) -> None:
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", tmp_path / "a", ports={1: links.ports[1]})
    with running(XdpTarget(), setup):
        for other, message in (
            (["--grpc", setup.grpc_address], "is another switch using it"),
            (["--port", f"1={links.ports[1]}"], "another XDP program is on"),
        ):
            process = start(*other)
            assert message in process.communicate(timeout=10)[1]


def test_a_switch_that_does_not_start_shows_its_log(tmp_path: Path, links: Links) -> None:
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", tmp_path, ports={1: links.ports[1], 2: links.ports[1]})
    process = SwitchProcess(XdpTarget(), setup)
    with pytest.raises(SwitchError, match=r"ended with status 1; its log ends with:\n.*is both port 1 and port 2"):
        process.start()
    assert not process.running


def test_a_missing_interface_is_named(tmp_path: Path) -> None:
    process = SwitchProcess(XdpTarget(), SwitchSetup("127.0.0.1:7", tmp_path, ports={1: "nowhere0"}))
    with pytest.raises(SwitchError, match="there is no interface nowhere0"):
        process.start()
