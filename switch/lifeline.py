"""Processes that do not outlive who started them, in whatever way that one ends.

The starter keeps the writing end of a pipe open that is the process's standard input; when the starter is gone,
even killed, the kernel closes it and the process reads end-of-file.
`python -m rackplane.switch.lifeline COMMAND...` does this for a command that knows nothing of it.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence

_GRACE_S = 3.0
_PR_SET_PDEATHSIG = 1


def run(command: Sequence[str]) -> int:
    """Run a command until it ends or standard input does; return its exit status."""
    # Safe before exec here: this process has one thread. It covers a lifeline that is itself killed.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)  # noqa: PLW1509
    child_fd = os.pidfd_open(child.pid)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.signal(signal.SIGINT, lambda *_: child.terminate())
    with selectors.DefaultSelector() as selector:
        selector.register(child_fd, selectors.EVENT_READ)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while child.poll() is None:
            ready = [key.fd for key, _ in selector.select()]
            if child_fd not in ready and not os.read(sys.stdin.fileno(), 4096):
                child.terminate()
                break
    try:
        return child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
