"""The two things that can be a switch, behind one interface: `xdp` (xdp.py) and `bmv2` (bmv2.py)."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rackplane.switch import links
from rackplane.switch.errors import SwitchError

DEFAULT_CPU_PORT = 510
_POLL_S = 0.02
_GRACE_S = 3.0
_LOG_LINES = 15


class TargetMissing(SwitchError):
    """What the target needs is not on this machine; the text says how to get it."""


@dataclass(frozen=True)
class SwitchSetup:
    """One switch: where it serves P4Runtime (HOST:PORT), its interfaces by port, and a folder for its files."""

    grpc_address: str
    state_dir: Path
    device_id: int = 1
    ports: Mapping[int, str] = field(default_factory=dict)
    cpu_port: int | None = DEFAULT_CPU_PORT


@dataclass(frozen=True)
class Program:
    """A compiled program as files: P4Info (protobuf text), and what the target takes as p4_device_config."""

    p4info: Path
    device_config: Path


class Target(Protocol):
    """A kind of switch."""

    @property
    def name(self) -> str:
        """`xdp` or `bmv2`."""

    def check(self) -> None:
        """Raise TargetMissing when it cannot run here."""

    def compile(
        self,
        source: Path,
        out_dir: Path,
        include_dirs: Sequence[Path] = (),
        defines: Mapping[str, str] | None = None,
    ) -> Program:
        """Compile a v1model program; raise an error that shows what is wrong with it."""

    def command(self, setup: SwitchSetup) -> tuple[str, ...]:
        """Return the command of a switch that has no program yet. It ends cleanly on SIGTERM."""


class SwitchProcess:
    """A switch that was started from here; its output is kept in `state_dir`/switch.log."""

    def __init__(self, target: Target, setup: SwitchSetup) -> None:
        target.check()
        self.target = target
        self.setup = setup
        self.log = setup.state_dir / "switch.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 60.0) -> None:
        """Start it and wait until it serves; raise SwitchError with the end of its log when it does not."""
        for interface in self.setup.ports.values():
            links.index_of(interface)
            links.silence(interface)
            links.set_up(interface)
        self.setup.state_dir.mkdir(parents=True, exist_ok=True)
        command = self.target.command(self.setup)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + patience
        while not listening(self.setup.grpc_address):
            if self._process.poll() is not None or time.monotonic() > deadline:
                status = self._process.poll()
                self.stop()
                how = (
                    f"ended with status {status}" if status is not None else f"did not serve within {patience:g} s"
                )
                raise SwitchError(f"the {self.target.name} switch {how}{log_tail(self.log)}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None


@contextlib.contextmanager
def running(target: Target, setup: SwitchSetup) -> Iterator[SwitchProcess]:
    """A switch for the time of a `with` block."""
    process = SwitchProcess(target, setup)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def listening(address: str) -> bool:
    """Whether something accepts connections on HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def log_tail(log: Path) -> str:
    """Return the last lines of a log file, to be put behind a sentence."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return "; its log ends with:\n  " + "\n  ".join(lines[-_LOG_LINES:]) if lines else "; it said nothing"
