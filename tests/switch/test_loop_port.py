"""The loop port by itself: what it leaves behind, who needs it, and what is counted of frames that end there."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from finsy.proto import p4i, p4r
from paths_lab import PROGRAM as PATHS
from paths_lab import group, packet, session

from rackplane.compiler.bundle import Bundle
from rackplane.compiler.driver import compile_program
from rackplane.switch import libbpf, pipeline
from rackplane.switch.device import Device
from rackplane.switch.errors import BundleError
from rackplane.switch.fanout import Devices
from rackplane.switch.loopport import LoopPort
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.reconcile import carry_over
from rackplane.switch.stf.testbed import Testbed

pytestmark = pytest.mark.root

PROGRAM = Path(__file__).parent / "stf" / "programs" / "xdp_only" / "endless.p4"
PLAIN = Path(__file__).parent / "fixtures" / "forward.p4"
PASSES = "it took more passes through the switch than a packet may"
LATE = "its state was gone when its copy came up"
DROP = 1
OWNER = "from rackplane.switch.loopport import LoopPort as L; l = L(); print(l.interface, flush=True); input()"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compile_program(PROGRAM).bundle


@dataclass(frozen=True)
class Running:
    """The program on a switch of this process, and the cable of port 1."""

    pipeline: Pipeline
    testbed: Testbed
    device: Device


@pytest.fixture
def running(bundle: Bundle) -> Iterator[Running]:
    with switch_of(bundle) as found:
        yield found


@contextmanager
def switch_of(bundle: Bundle) -> Iterator[Running]:
    with Testbed([1, 2]) as testbed:
        device = Device(testbed.near, None)
        try:
            loaded = load(bundle, device.devices(with_loop=True))
            device.commit(loaded)
            yield Running(loaded, testbed, device)
        finally:
            device.close()


def load(bundle: Bundle, devices: Devices) -> Pipeline:
    return pipeline.load(bundle.object, bundle.manifest, p4i.P4Info.FromString(bundle.p4info), devices)


def becomes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def exists(interface: str) -> bool:
    return interface in {name for _, name in socket.if_nameindex()}


def test_closing_removes_it() -> None:
    loop = LoopPort()
    assert exists(loop.interface)
    loop.close()
    assert not exists(loop.interface)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_killed_process(how: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    interface = owner.stdout.readline().strip()
    assert exists(interface)
    owner.send_signal(how)
    owner.wait(10)
    assert becomes_true(lambda: not exists(interface))


def test_a_program_that_needs_one_says_so(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="the program needs a loop port, and the switch has none"):
        load(bundle, Devices())


def test_sessions_are_carried_over_to_the_next_program(running: Running, bundle: Bundle) -> None:
    running.pipeline.sessions.insert(p4r.Entity(packet_replication_engine_entry=session(4, ((1, 5), (1, 6)))))
    running.pipeline.groups.insert(p4r.Entity(packet_replication_engine_entry=group(4, ((1, 7),))))
    following = load(bundle, running.device.devices(with_loop=True))
    carry_over(running.pipeline, following)
    assert following.sessions.get(4) == running.pipeline.sessions.get(4)
    assert following.groups.get(4) == running.pipeline.groups.get(4)
    running.device.commit(following)


def test_a_program_without_paths_lets_go_of_the_one_before(running: Running) -> None:
    """Its maps would stay in memory as long as the loop port ran it."""
    loop_fd = os.dup(running.pipeline.loaded.loop_fd)
    try:
        number = program_id(loop_fd)
        assert is_loaded(number)
        plain = load(compile_program(PLAIN).bundle, running.device.devices(with_loop=False))
        running.device.commit(plain)
    finally:
        os.close(loop_fd)
    assert becomes_true(lambda: not is_loaded(number))


def program_id(fd: int) -> int:
    lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("prog_id"))


def is_loaded(number: int) -> bool:
    fd = int(ctypes.CDLL("libbpf.so.1").bpf_prog_get_fd_by_id(number))
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def test_an_original_needs_no_loop_port() -> None:
    """It goes to its port at once, so that no packet overtakes it, unless egress can branch."""
    plain = {"WITHOUT_E2E": "1", "WITHOUT_RECIRCULATE": "1"}
    before = loops()
    with switch_of(compile_program(PATHS, defines=plain).bundle) as running:
        running.pipeline.sessions.insert(p4r.Entity(packet_replication_engine_entry=session(1, ((1, 5),))))
        (loop,) = loops() - before
        check_ports(running, packet(1, 0x01, 0), 1, 2)
        subprocess.run(["ip", "link", "set", loop, "down"], check=True)
        check_ports(running, packet(1, 0x01, 0), 2)


def loops() -> set[str]:
    return {name for _, name in socket.if_nameindex() if name.startswith("rploop")}


def check_ports(running: Running, frame: bytes, *wanted: int) -> None:
    """A frame comes out on these ports."""
    running.testbed.received.clear()
    running.testbed.send(1, frame)
    running.testbed.collect(0.2, 5, Counter(wanted))
    assert sorted(port for port, frames in running.testbed.received.items() for _ in frames) == list(wanted)


def test_a_packet_without_end_is_counted_once(running: Running) -> None:
    running.testbed.send(1, (1).to_bytes(6, "big") + bytes(54))
    assert becomes_true(lambda: running.pipeline.drop_counts()[PASSES] == 1)


def test_frames_without_a_ticket_are_dropped_and_counted(running: Running) -> None:
    verdict, _, _ = libbpf.test_run(running.pipeline.loaded.loop_fd, bytes(60))
    assert verdict == DROP
    assert running.pipeline.drop_counts()[LATE] == 1
