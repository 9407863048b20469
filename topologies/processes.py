"""The processes of a rack, found by a mark in their environment, and how to end them.

Every process that a rack starts inherits `RACKPLANE_RACK=<name>.<token>`, and so do its children. That finds them
all, those started later included, where a list of process ids would miss some and could name strangers.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path

MARK = "RACKPLANE_RACK"
_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessRef:
    """A process that can be told from a later one with the same id: `start` is its start time in clock ticks."""

    pid: int
    start: int

    @property
    def alive(self) -> bool:
        """Whether this very process is running (a zombie is not)."""
        return _start_time(self.pid) == self.start


def reference(pid: int) -> ProcessRef:
    """A reference to the process `pid`. Raises ProcessLookupError if it is not running."""
    start = _start_time(pid)
    if start is None:
        raise ProcessLookupError(f"no process {pid}")
    return ProcessRef(pid, start)


def new_mark(rack_name: str) -> str:
    """A value of RACKPLANE_RACK for a new rack, unlike every other."""
    return f"{rack_name}.{secrets.token_hex(6)}"


def marked_environment(mark: str) -> dict[str, str]:
    """The environment for the processes of a rack."""
    return {**os.environ, MARK: mark}


def find_marked(mark: str) -> list[ProcessRef]:
    """Running processes that carry `mark` (if it ends with a dot: any that begins so), without this process."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            if _carries(variables, wanted):
                found.append(reference(int(entry.name)))
        except (OSError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


def _carries(variables: list[bytes], wanted: bytes) -> bool:
    if wanted.endswith(b"."):
        return any(variable.startswith(wanted) for variable in variables)
    return wanted in variables


def send(process: ProcessRef, number: signal.Signals) -> None:
    """Send a signal to exactly this process; nothing happens if it has ended."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor pins the process: after this check, no other one can have its id.
        if process.alive:
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def end_marked(mark: str, grace: float = 0.0, patience: float = 5.0) -> list[ProcessRef]:
    """End all processes with `mark`: SIGTERM and `grace` seconds first, then SIGKILL. Returns those that stay."""
    if grace > 0:
        for process in find_marked(mark):
            send(process, signal.SIGTERM)
        _wait_until_gone(mark, grace)
    deadline = time.monotonic() + patience
    while (left := find_marked(mark)) and time.monotonic() < deadline:
        for process in left:
            send(process, signal.SIGKILL)
        time.sleep(0.02)
    return left


def _wait_until_gone(mark: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while find_marked(mark) and time.monotonic() < deadline:
        time.sleep(0.02)


def _start_time(pid: int) -> int | None:
    """Start time of a running process in clock ticks since boot (proc_pid_stat(5), field 22)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])
