"""A round trip through the whole rack: memory is allocated, written, read back and timed from a compute blade.

`python -m rackplane.topologies.probe` is the part that runs on the blade.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rackplane.control.mind.client import Client
from rackplane.control.service import ServiceError
from rackplane.hosts.compute.errors import RackMemoryError
from rackplane.hosts.compute.memory import BladeOptions, RackMemory
from rackplane.topologies import checks
from rackplane.topologies.state import RackState

_LENGTH = 64
_READS = 1000
_WARM_UP = 50


class ProbeError(Exception):
    """Rack memory could not be used from a blade, or gave back something else than what was written."""


@dataclass(frozen=True)
class MemoryProbe:
    """`bytes` were written at `va` and read back; then `reads` remote reads were timed, in microseconds."""

    va: int
    bytes: int
    reads: int
    p50_us: float
    p99_us: float


def probe_memory(state: RackState, blade: str) -> MemoryProbe:
    """Use rack memory from the compute blade `blade`. Raises ProbeError, TopologyError."""
    client = Client(Path(state.control))
    try:
        domain = client.new_domain()
        given = client.alloc(4096, domain, coherent=False)
        try:
            return _run_on(state, blade, given.va, domain)
        finally:
            client.free(given.va)
    except ServiceError as error:
        raise ProbeError(f"the control plane: {error}") from error


def _run_on(state: RackState, blade: str, va: int, domain: int) -> MemoryProbe:
    command = [sys.executable, "-m", "rackplane.topologies.probe", f"{blade}-eth0", str(va), str(domain)]
    with checks.popen(state, blade, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        text = process.communicate()[0]
    if process.returncode:
        raise ProbeError(f"{blade}: {text.strip() or f'status {process.returncode}'}")
    return MemoryProbe(**json.loads(text))


def measure(interface: str, va: int, domain: int) -> MemoryProbe:
    """Write, read back and time reads, on the blade. Raises ProbeError, RackMemoryError."""
    pattern = secrets.token_bytes(_LENGTH)
    with RackMemory(BladeOptions(interface, domain)) as memory:
        memory.write(va, pattern)
        for _ in range(_WARM_UP):
            memory.read(va, _LENGTH)
        times = []
        for _ in range(_READS):
            started = time.perf_counter_ns()
            data = memory.read(va, _LENGTH)
            times.append(time.perf_counter_ns() - started)
            if data != pattern:
                raise ProbeError(f"{va:#x} held {data.hex()} after {pattern.hex()} was written")
    times.sort()
    return MemoryProbe(va, _LENGTH, _READS, times[_READS // 2] / 1e3, times[_READS * 99 // 100] / 1e3)


def main(arguments: list[str]) -> int:
    """Measure, and print the result as JSON or what is wrong."""
    interface, va, domain = arguments
    try:
        print(json.dumps(asdict(measure(interface, int(va), int(domain)))))
    except (ProbeError, RackMemoryError) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
