"""Processes that do not outlive who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def start(*command: str) -> subprocess.Popen[str]:
    lifeline = [sys.executable, "-m", "rackplane.switch.lifeline", *command]
    return subprocess.Popen(lifeline, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def gone(pid: int) -> bool:
    """Whether a process ends within a moment (one that is a zombie has ended)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("how", ["end of stdin", signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_command_ends_with_its_starter(how: signal.Signals | str) -> None:
    process = start(sys.executable, "-c", SLEEPER)
    assert process.stdout is not None
    assert process.stdin is not None
    child = int(process.stdout.readline())
    os.kill(child, 0)
    if isinstance(how, signal.Signals):
        process.send_signal(how)
    else:
        process.stdin.close()
    process.wait(10)
    assert gone(child)


@pytest.mark.parametrize("status", [0, 3])
def test_the_command_ends_by_itself(status: int) -> None:
    process = start(sys.executable, "-c", f"raise SystemExit({status})")
    assert process.wait(10) == status
