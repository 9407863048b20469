"""The whole benchmark, in a network namespace of its own that goes with this process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rackplane.experiments.machine import this_machine
from rackplane.experiments.switch_speed import bed, compilation, entry_rates, lookup, report
from rackplane.experiments.switch_speed.priority import favoured
from rackplane.experiments.switch_speed.report import (
    Compilation,
    EntryRate,
    Load,
    Lookup,
    Result,
    Single,
    Throughput,
)
from rackplane.experiments.switch_speed.subjects import DEVICE_ID, SUBJECTS, Subject
from rackplane.experiments.switch_speed.throughput import Sweep, check_flow, compare, pinned, single, sweep
from rackplane.experiments.switch_speed.traffic import Flow, Traffic
from rackplane.switch import netns
from rackplane.switch.bmv2 import Bmv2Target
from rackplane.switch.target import SwitchSetup, Target, TargetMissing, free_port
from rackplane.switch.xdp import XdpTarget

PARTS = ("throughput", "lookup", "compilation", "entries")
_SWEEP_STEP, _SWEEP_END = 20_000, 200_000


@dataclass(frozen=True)
class Effort:
    """What is measured and how much. `packets` are sent a round on each path."""

    parts: tuple[str, ...] = PARTS
    programs: tuple[str, ...] = tuple(SUBJECTS)
    packets: int = 2_000_000
    rounds: int = 7
    sweep: Sweep = field(default_factory=lambda: Sweep(tuple(range(_SWEEP_STEP, _SWEEP_END + 1, _SWEEP_STEP))))
    sizes: lookup.Sizes = field(default_factory=lookup.Sizes)
    entries: entry_rates.Amounts = field(default_factory=entry_rates.Amounts)
    compilations: int = 3


@dataclass(frozen=True)
class Bench:
    """One run. `cpu` makes the frames and carries them through the switch."""

    effort: Effort
    cpu: int
    progress: Callable[[str], None]

    def run(self) -> Result:
        """Take it. The calling thread stays in the new namespace: this is for a process that ends afterwards.

        BMv2 takes part if it is installed. Raises BenchError, SwitchError, CompileErrors, EbpfError.
        """
        load = os.getloadavg()[0]
        netns.enter_new()
        with favoured(), tempfile.TemporaryDirectory(prefix="rackplane-bench-") as name, bed.cables():
            folder = Path(name)
            passed = [self._throughput(SUBJECTS[p], folder) for p in self._chosen("throughput")]
            return Result(
                machine=this_machine(),
                load_average=load,
                cpu=self.cpu,
                throughput=tuple(throughput for throughput, _ in passed),
                single=tuple(alone for _, alone in passed),
                lookup=self._lookup(folder),
                compilation=self._compilation(),
                entry_rates=self._entries(folder),
            )

    def _chosen(self, part: str) -> tuple[str, ...]:
        return self.effort.programs if part in self.effort.parts else ()

    def _throughput(self, subject: Subject, folder: Path) -> tuple[Throughput, Single]:
        effort = self.effort
        with Traffic() as traffic, traffic.sink(bed.SINK):
            self.progress(f"{subject.name}: {effort.rounds} rounds of {effort.packets} packets, and bare")
            with _forwarding(subject, XdpTarget(), folder / "xdp") as flow, pinned(self.cpu):
                traffic.set_flow(flow)
                check_flow(traffic)
                rounds = compare(traffic, flow, effort.packets, effort.rounds)
                alone = single(traffic, subject.name)
            loads: list[Load] = []
            for target in _bmv2():
                self.progress(
                    f"{subject.name}: BMv2 at {len(effort.sweep.rates)} loads, {effort.sweep.times} times"
                )
                # Not bound to a CPU: that would take one away from BMv2, whose threads want them all.
                with _forwarding(subject, target, folder / target.name) as flow:
                    traffic.set_flow(flow)
                    check_flow(traffic)
                    loads = sweep(traffic, flow, effort.sweep)
        return report.throughput(subject.name, len(flow.frame), rounds, loads), alone

    def _lookup(self, folder: Path) -> tuple[Lookup, ...]:
        if "lookup" not in self.effort.parts:
            return ()
        with Traffic() as traffic, traffic.sink(bed.SINK), pinned(self.cpu):
            return tuple(lookup.measure(traffic, folder, self.effort.sizes, self.progress))

    def _compilation(self) -> tuple[Compilation, ...]:
        if "compilation" not in self.effort.parts:
            return ()
        self.progress(f"compiling mind.p4, {self.effort.compilations} times cold and cached")
        return (compilation.measure(SUBJECTS["mind"].source, self.effort.compilations),)

    def _entries(self, folder: Path) -> tuple[EntryRate, ...]:
        if "entries" not in self.effort.parts:
            return ()
        targets: list[Target] = [XdpTarget(), *_bmv2()]
        return tuple(entry_rates.measure(targets, folder, self.effort.entries, self.progress))


@contextmanager
def _forwarding(subject: Subject, target: Target, folder: Path) -> Iterator[Flow]:
    """A switch on the links that runs the program with its tables filled."""
    program = target.compile(subject.source, folder)
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder, DEVICE_ID, bed.PORTS, subject.cpu_port)
    with bed.switch(target, setup), subject.programmed(program, setup.grpc_address) as flow:
        yield flow


def _bmv2() -> list[Target]:
    """BMv2, where it is installed."""
    target = Bmv2Target()
    try:
        target.check()
    except TargetMissing:
        return []
    return [target]
