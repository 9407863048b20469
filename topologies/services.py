"""Programs that run as long as the rack: how one is started, watched until it is ready, and asked to end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rackplane.topologies.errors import LaunchError
from rackplane.topologies.network import RackNetwork

_POLL = 0.02
_LOG_LINES = 6


@dataclass(frozen=True)
class Service:
    """A program: on the blade `host`, or beside the switch if that is empty. `ready` says when it does its work."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    host: str = ""
    patience: float = 30.0


@dataclass(frozen=True)
class Stage:
    """Services that start together. `prepare` runs first, then `services` names them; both may raise LaunchError.

    `text` is what a user reads.
    """

    text: str
    services: Callable[[], tuple[Service, ...]] = lambda: ()
    prepare: Callable[[], None] = lambda: None


class Services:
    """The running services of one rack; their output goes to `logs`, one file for each."""

    def __init__(self, network: RackNetwork, environment: Mapping[str, str], logs: Path) -> None:
        self._network = network
        self._environment = dict(environment)
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {name: process.pid for name, process in self._processes.items()}

    def start(self, services: Iterable[Service]) -> None:
        """Start services and wait until all are ready. Raises LaunchError with what the failing one has said."""
        self._logs.mkdir(exist_ok=True)
        started = [(service, self._start(service)) for service in services]
        for service, process in started:
            self._await(service, process)

    def _start(self, service: Service) -> subprocess.Popen[bytes]:
        with self._log(service.name).open("ab") as log:
            try:
                if service.host:
                    process = self._network.popen(service.host, service.command, stdout=log, stderr=log)
                else:
                    process = subprocess.Popen(
                        service.command,
                        env=self._environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
            except OSError as error:
                raise LaunchError(f"cannot start {service.name}: {service.command[0]}: {error.strerror}") from error
        self._processes[service.name] = process
        return process

    def _await(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + service.patience
        while not service.ready():
            status = process.poll()
            if status is not None:
                raise LaunchError(f"{service.name} ended with status {status}{self._last_words(service.name)}")
            if time.monotonic() > deadline:
                raise LaunchError(
                    f"{service.name} was not ready after {service.patience:g} s{self._last_words(service.name)}"
                )
            time.sleep(_POLL)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _last_words(self, name: str) -> str:
        lines = [line for line in self._log(name).read_text(errors="replace").splitlines() if line.strip()]
        return f": {' | '.join(lines[-_LOG_LINES:])}" if lines else " and said nothing"

    def ended(self) -> list[str]:
        """Names of services that have ended by themselves."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def stop(self, grace: float = 3.0) -> None:
        """Ask all services to end, the last one first, and kill those that do not within `grace` seconds."""
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
