"""One measurement on a compute blade: `python -m rackplane.experiments.memory_latency.probe`.

Reads its task as a line of JSON from standard input and answers with a line of JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time
from dataclasses import asdict, dataclass

from rackplane.hosts.compute.errors import RackMemoryError
from rackplane.hosts.compute.memory import PAGE_BYTES, BladeOptions, RackMemory

READ_BYTES = 64


@dataclass(frozen=True)
class Task:
    """What to measure: `kind` is "read" (explicit, READ_BYTES) or "fault" (a load of every page once)."""

    kind: str
    interface: str
    domain: int
    cpu: int
    va: int
    size: int
    count: int

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Quantiles:
    """Of `count` durations, in microseconds."""

    count: int
    p50_us: float
    p99_us: float


def quantiles(durations_ns: list[int]) -> Quantiles:
    """Nearest-rank quantiles. `durations_ns` must not be empty."""
    ordered = sorted(durations_ns)
    last = len(ordered) - 1
    return Quantiles(len(ordered), ordered[last // 2] / 1000, ordered[last * 99 // 100] / 1000)


def time_reads(memory: RackMemory, task: Task) -> Quantiles:
    """`task.count` explicit reads at random places, timed in the C library: Python would blur the difference."""
    for _ in range(task.count):
        place = task.va + random.randrange(task.size // READ_BYTES) * READ_BYTES  # noqa: S311
        memory.read(place, READ_BYTES)
    read = memory.stats().read
    return Quantiles(read.count, read.p50_us, read.p99_us)


def time_faults(memory: RackMemory, task: Task) -> Quantiles:
    """The first load of each page, as the loading thread sees it."""
    view = memory.map(task.va, task.size)
    durations = []
    for place in range(0, min(task.size, task.count * PAGE_BYTES), PAGE_BYTES):
        start = time.perf_counter_ns()
        view[place]
        durations.append(time.perf_counter_ns() - start)
    view.release()
    return quantiles(durations)


def main() -> None:
    """Measure, and print the quantiles or the error."""
    task = Task(**json.loads(sys.stdin.readline()))
    try:
        with RackMemory(BladeOptions(task.interface, task.domain, cpu=task.cpu)) as memory:
            found = time_reads(memory, task) if task.kind == "read" else time_faults(memory, task)
    except RackMemoryError as error:
        print(json.dumps({"error": str(error)}))
    else:
        print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
