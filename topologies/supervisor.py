"""A small process that outlives the launcher of a rack by as long as it takes to clean up.

It holds the read end of a pipe. However the launcher ends (SIGKILL included), the kernel closes the write end, and
the supervisor takes the rack away. Run as `python -m rackplane.topologies.supervisor NAME MARK` with the pipe as
standard input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from rackplane.topologies.cleanup import clean

_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class Supervisor:
    """The launcher's side: the process, and the end of the pipe that keeps the rack alive."""

    process: subprocess.Popen[bytes]

    def finish(self, timeout: float = 30.0) -> bool:
        """Let the supervisor clean up now and wait for it. Returns whether everything is gone."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        return self.process.wait(timeout) == 0


def start(name: str, mark: str) -> Supervisor:
    """Start the supervisor of the rack `name`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rackplane.topologies.supervisor", name, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    return Supervisor(process)


def main(arguments: list[str]) -> int:
    """Wait for the launcher's end, then clean up. Exit status 1 if something is left."""
    name, mark = arguments
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    return 1 if clean(name, mark) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
