"""The workers of a job as processes on the compute blades, and what they report."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from rackplane.experiments.pagerank.worker import Task
from rackplane.topologies import checks
from rackplane.topologies.state import RackState

_MODULE = "rackplane.experiments.pagerank.worker"
_SILENCE = 120.0
"""Seconds without a word from any worker until the job is given up; a barrier times out earlier."""


class JobError(Exception):
    """The job failed; the text says where and why."""


@dataclass(frozen=True)
class Result:
    """What a worker found."""

    iterations: int
    change: float
    load_seconds: float
    seconds: float
    stats: Mapping[str, object]


@dataclass
class _Worker:
    blade: str
    process: subprocess.Popen[str]
    log: Path
    loaded: float = 0.0
    done: Mapping[str, object] | None = None


@dataclass
class Crew:
    """The workers; a context manager that ends them all."""

    state: RackState
    scratch: Path
    _workers: list[_Worker] = field(default_factory=list)
    _events: queue.Queue[tuple[int, str]] = field(default_factory=queue.Queue)

    def start(self, tasks: Sequence[Task]) -> None:
        """Start a worker for each task, on the compute blade of its number, and wait until all are ready."""
        for task, blade in zip(tasks, self.state.rack.compute, strict=True):
            log = self.scratch / f"{blade.name}.log"
            with log.open("w") as errors:
                process = checks.popen(
                    self.state,
                    blade.name,
                    [sys.executable, "-m", _MODULE],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            self._workers.append(_Worker(blade.name, process, log))
            threading.Thread(target=self._listen, args=(task.worker, process), daemon=True).start()
            self._tell(task.worker, task.to_json())
        waiting = set(range(len(tasks)))
        while waiting:
            number, event = self._next()
            if event["event"] == "ready":
                waiting.discard(number)

    def run(self, progress: Callable[[int, float], None]) -> list[Result]:
        """Let the workers run to their end; `progress` gets each iteration and its change. Raises JobError."""
        for number in range(len(self._workers)):
            self._tell(number, "go")
        while any(worker.done is None for worker in self._workers):
            number, event = self._next()
            match event["event"]:
                case "loaded":
                    self._workers[number].loaded = float(str(event["seconds"]))
                case "iteration":
                    progress(int(str(event["number"])), float(str(event["change"])))
                case "done":
                    self._workers[number].done = event
        for worker in self._workers:
            self._end(worker)
        return [_result(worker) for worker in self._workers]

    def _listen(self, number: int, process: subprocess.Popen[str]) -> None:
        """Pass a worker's lines on, then an empty one."""
        if process.stdout is not None:
            for line in process.stdout:
                self._events.put((number, line))
        self._events.put((number, ""))

    def _next(self) -> tuple[int, Mapping[str, object]]:
        """The next event of any worker. Raises JobError if one failed, ended early or all are silent."""
        while True:
            try:
                number, line = self._events.get(timeout=_SILENCE)
            except queue.Empty as error:
                raise JobError(f"no worker has said anything for {_SILENCE:g} s") from error
            worker = self._workers[number]
            if not line:
                if worker.done is None:
                    raise JobError(self._obituary(worker))
                continue
            event = json.loads(line)
            if event["event"] == "error":
                raise JobError(f"the worker on {worker.blade}: {event['text']}")
            return number, event

    def _obituary(self, worker: _Worker) -> str:
        status = worker.process.wait()
        words = " | ".join(worker.log.read_text(errors="replace").strip().splitlines()[-6:])
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"the worker on {worker.blade} {how}{f': {words}' if words else ''}"

    def _end(self, worker: _Worker) -> None:
        """Wait until a worker that is done has given its pages back."""
        try:
            status = worker.process.wait(_SILENCE)
        except subprocess.TimeoutExpired as error:
            raise JobError(f"the worker on {worker.blade} is done but does not end") from error
        if status:
            raise JobError(self._obituary(worker))

    def _tell(self, number: int, line: str) -> None:
        stdin = self._workers[number].process.stdin
        try:
            if stdin is not None:
                stdin.write(line + "\n")
                stdin.flush()
        except BrokenPipeError as error:
            raise JobError(self._obituary(self._workers[number])) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait()


def _result(worker: _Worker) -> Result:
    done = worker.done or {}
    stats = done.get("stats")
    return Result(
        iterations=int(str(done["iterations"])),
        change=float(str(done["change"])),
        load_seconds=worker.loaded,
        seconds=float(str(done["seconds"])),
        stats=stats if isinstance(stats, Mapping) else {},
    )
