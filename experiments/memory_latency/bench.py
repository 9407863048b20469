"""Rounds of reads through the rack's switch and over a bare redirect, in turn; then read faults.

The bare path is on the same links: the switch's ports redirect to each other, and a reflector answers in the
memory blade's place. The same process reads in both.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rackplane.control.mind.client import Client
from rackplane.control.service import ServiceError
from rackplane.ebpf.errors import EbpfError
from rackplane.ebpf.redirect import BareRedirect
from rackplane.ebpf.reflector import Reflector
from rackplane.experiments.machine import Machine, this_machine
from rackplane.experiments.memory_latency.probe import READ_BYTES, Quantiles, Task
from rackplane.switch import netns
from rackplane.topologies import checks
from rackplane.topologies.state import RackState

READ_RATIO_GOAL = 2.5
FAULT_GOAL_US = 60.0
_RANGE_BYTES = 16 << 20
_PROBE_TIMEOUT_S = 120


class BenchError(Exception):
    """The benchmark could not be taken; the text says why."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds of each path, reads a round, and faults."""

    rounds: int = 7
    reads: int = 20_000
    faults: int = 4_096


@dataclass(frozen=True)
class Round:
    """One round: the same reads on both paths."""

    rack: Quantiles
    bare: Quantiles

    @property
    def ratio(self) -> float:
        """How many times the bare path's median the rack's is."""
        return self.rack.p50_us / self.bare.p50_us


@dataclass(frozen=True)
class Result:
    """Everything that was measured. The ratio is the median over the rounds."""

    machine: Machine
    target: str
    read_bytes: int
    rounds: tuple[Round, ...]
    rack_read_p50_us: float
    bare_read_p50_us: float
    read_ratio: float
    read_ratio_goal: float
    fault: Quantiles
    fault_goal_us: float

    @property
    def held(self) -> bool:
        """Whether both goals are reached."""
        return self.read_ratio <= self.read_ratio_goal and self.fault.p50_us <= self.fault_goal_us


def run(state: RackState, effort: Effort, cpu: int, progress: Callable[[str], None]) -> Result:
    """Take the benchmark on a running rack with the first compute blade. Raises BenchError."""
    blade = state.rack.compute[0].name
    client = Client(Path(state.control))
    with ExitStack() as stack:
        domain, direct = stack.enter_context(_range(client, coherent=False))
        _, coherent = stack.enter_context(_range(client, coherent=True, domain=domain))
        read = Task("read", f"{blade}-eth0", domain, cpu, direct, _RANGE_BYTES, effort.reads)
        memory = state.rack.memory[(direct >> 40) - 1].name
        rounds = []
        for number in range(effort.rounds):
            progress(f"round {number + 1} of {effort.rounds}")
            rack = _probe(state, blade, read)
            with _bare_path(state, blade, memory):
                rounds.append(Round(rack, _probe(state, blade, read)))
        progress(f"{effort.faults} read faults")
        fault = _probe(
            state, blade, Task("fault", f"{blade}-eth0", domain, cpu, coherent, _RANGE_BYTES, effort.faults)
        )
    return Result(
        machine=this_machine(),
        target=state.target,
        read_bytes=READ_BYTES,
        rounds=tuple(rounds),
        rack_read_p50_us=median(r.rack.p50_us for r in rounds),
        bare_read_p50_us=median(r.bare.p50_us for r in rounds),
        read_ratio=median(r.ratio for r in rounds),
        read_ratio_goal=READ_RATIO_GOAL,
        fault=fault,
        fault_goal_us=FAULT_GOAL_US,
    )


@contextmanager
def _range(client: Client, *, coherent: bool, domain: int | None = None) -> Iterator[tuple[int, int]]:
    """A domain and the address of a range in it, given back at the end."""
    try:
        owner = client.new_domain() if domain is None else domain
        given = client.alloc(_RANGE_BYTES, owner, coherent=coherent)
    except ServiceError as error:
        raise BenchError(f"the control plane: {error}") from error
    try:
        yield owner, given.va
    finally:
        client.free(given.va, force=True)


@contextmanager
def _bare_path(state: RackState, compute: str, memory: str) -> Iterator[None]:
    ports = {link.host: link.switch_interface for link in state.rack.links}
    namespace = Path(f"/proc/{state.hosts[memory]}/ns/net")
    try:
        with BareRedirect(ports[compute], ports[memory]):
            reflector = netns.run_in(namespace, lambda: Reflector(f"{memory}-eth0"))
            try:
                yield
            finally:
                netns.run_in(namespace, reflector.close)
    except EbpfError as error:
        raise BenchError(f"the bare path: {error}") from error


def _probe(state: RackState, blade: str, task: Task) -> Quantiles:
    command = [sys.executable, "-m", "rackplane.experiments.memory_latency.probe"]
    process = checks.popen(
        state, blade, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        output, errors = process.communicate(task.to_json() + "\n", timeout=_PROBE_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise BenchError(f"the {task.kind} probe on {blade} did not end within {_PROBE_TIMEOUT_S} s") from error
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise BenchError(f"the {task.kind} probe on {blade} failed: {errors.strip()[-500:]}") from error
    if "error" in answer:
        raise BenchError(f"the {task.kind} probe on {blade}: {answer['error']}")
    return Quantiles(**answer)
