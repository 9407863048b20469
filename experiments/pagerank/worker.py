"""One worker of PageRank: `python -m rackplane.experiments.pagerank.worker`, run on a compute blade.

It reads its task as a line of JSON from standard input, maps the ranges, clears its row, and says
{"event": "ready"}. At the line "go" it stores its part of the graph in rack memory and computes. Each event is a
line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rackplane.experiments.pagerank.kernel import Barrier, BarrierTimeoutError, Settings, iterate
from rackplane.experiments.pagerank.layout import Arrays, Layout, views
from rackplane.hosts.compute.errors import RackMemoryError
from rackplane.hosts.compute.memory import PAGE_BYTES, BladeOptions, RackMemory

STARTS_FILE, SOURCES_FILE, INVERSE_FILE, RANKS_FILE = "starts.npy", "sources.npy", "inverse.npy", "ranks.npy"
"""In the scratch directory: the graph as the launcher left it; the result as worker 0 read it from rack memory."""


@dataclass(frozen=True)
class Task:
    """What a worker is told. `ranges` maps an array's name to its address; `part` is first and last + 1."""

    worker: int
    interface: str
    domain: int
    cpu: int
    cache_bytes: int
    ranges: Mapping[str, int]
    layout: Layout
    part: tuple[int, int]
    settings: Settings
    scratch: str
    timeout: float

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def parse_task(line: str) -> Task:
    """The task in what `Task.to_json` wrote."""
    data = json.loads(line)
    first, last = data.pop("part")
    return Task(
        layout=Layout(**data.pop("layout")), settings=Settings(**data.pop("settings")), part=(first, last), **data
    )


def load(arrays: Arrays, part: tuple[int, int], scratch: Path) -> None:
    """Store this worker's part of the graph in rack memory."""
    first, last = part
    starts = np.load(scratch / STARTS_FILE, mmap_mode="r")
    sources = np.load(scratch / SOURCES_FILE, mmap_mode="r")
    inverse = np.load(scratch / INVERSE_FILE, mmap_mode="r")
    end = last + 1 if last == len(inverse) else last
    arrays.starts[first:end] = starts[first:end]
    arrays.sources[starts[first] : starts[last]] = sources[starts[first] : starts[last]]
    arrays.inverse[first:last] = inverse[first:last]


def run(task: Task, memory: RackMemory) -> None:
    """Map, report, wait for "go", load, compute, report. Raises RackMemoryError, BarrierTimeoutError."""
    arrays = views(
        task.layout,
        {name: memory.map(task.ranges[name], _pages(size)) for name, size in task.layout.sizes.items()},
    )
    # A row may hold what an earlier user of the range has left: it must be clear before anybody waits for it.
    arrays.rows[task.worker][:] = 0
    _say("ready")
    if sys.stdin.readline().strip() != "go":
        return
    started = time.perf_counter()
    load(arrays, task.part, Path(task.scratch))
    barrier = Barrier(arrays.rows, task.worker, task.timeout)
    barrier.meet()
    loaded = time.perf_counter()
    _say("loaded", seconds=loaded - started)

    def progress(iteration: int, change: float) -> None:
        if task.worker == 0:
            _say("iteration", number=iteration, change=change)

    outcome = iterate(arrays, task.part, barrier, task.settings, progress)
    seconds = time.perf_counter() - loaded
    if task.worker == 0:
        np.save(Path(task.scratch) / RANKS_FILE, arrays.ranks)
    stats = asdict(memory.stats())
    _say("done", iterations=outcome.iterations, change=outcome.change, seconds=seconds, stats=stats)


def _pages(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def _say(event: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the task on standard input; exit status 1 and an event of type error if the rack fails."""
    task = parse_task(sys.stdin.readline())
    options = BladeOptions(interface=task.interface, domain=task.domain, cpu=task.cpu, cache_bytes=task.cache_bytes)
    try:
        with RackMemory(options) as memory:
            run(task, memory)
    except (RackMemoryError, BarrierTimeoutError) as error:
        _say("error", text=str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
