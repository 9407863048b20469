"""A rack in a process of its own, for `rackplane up --detach`.

`python -m rackplane.topologies.server` reads an order (order.py) from standard input and reports on standard
output, one JSON object a line: {"begin": text}, {"end": ok}, and last {"ready": true} or {"error": text}. Then it
holds the rack until SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from rackplane.topologies import state
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.order import Order, from_json
from rackplane.topologies.session import RackSession
from rackplane.topologies.state import RackState


def start_detached(order: Order, step: Callable[[str], AbstractContextManager[None]]) -> RackState:
    """Start a rack that outlives this process, showing its steps. Raises LaunchError."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rackplane.topologies.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        _follow(process, order, step)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return state.load(order.name)


def _follow(
    process: subprocess.Popen[str], order: Order, step: Callable[[str], AbstractContextManager[None]]
) -> None:
    if process.stdin is None or process.stdout is None:
        raise LaunchError("the rack's process has no pipes")
    with process.stdin:
        process.stdin.write(order.to_json())
    with process.stdout as reports:
        while line := reports.readline():
            report = json.loads(line)
            if "ready" in report:
                return
            if "error" in report:
                raise LaunchError(report["error"])
            if "begin" in report:
                _one_step(reports, report["begin"], step)
    raise LaunchError(f"the rack's process ended with status {process.wait()} before the rack was up")


def _one_step(reports: IO[str], text: str, step: Callable[[str], AbstractContextManager[None]]) -> None:
    """Show a step until its end is reported; a failed one is shown as such, and its error follows."""
    try:
        with step(text):
            report = json.loads(reports.readline() or '{"end": false}')
            if not report.get("end"):
                raise _StepFailedError
    except _StepFailedError:
        return


class _StepFailedError(Exception):
    """Marks a step as failed; the reason comes as a report of its own."""


def main() -> int:
    """Hold a rack until SIGTERM. Exit status 1 if it could not be started or not be removed."""
    signal.signal(signal.SIGTERM, _end)
    session = None
    try:
        topology, planner = from_json(sys.stdin.read()).resolve()
        session = RackSession(topology, planner, _report_step)
        session.up()
    except (LaunchError, TopologyError) as error:
        _report({"error": str(error)})
        return 1
    _report({"ready": True})
    _silence()
    try:
        signal.pause()
    finally:
        session.down()
    return 0


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


@contextmanager
def _report_step(text: str) -> Iterator[None]:
    _report({"begin": text})
    try:
        yield
    except BaseException:
        _report({"end": False})
        raise
    _report({"end": True})


def _report(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _silence() -> None:
    """Let go of the starter's terminal and pipes."""
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.chdir("/")


if __name__ == "__main__":
    raise SystemExit(main())
