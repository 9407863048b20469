"""What was measured, and whether it reaches its goals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rackplane.experiments.machine import Machine

BARE_SHARES = {"router": 0.7, "mind": 0.5}
"""Goals: the least share of a bare redirect's packets per second."""
BMV2_MULTIPLE = 40.0
FLATNESS = 2.0
FLAT_KINDS = ("exact", "lpm")
TERNARY = "ternary"
FEW_MASKS = 8
"""Ternary tables are flat in their entries, not in their masks."""
COLD_COMPILE_S, CACHED_COMPILE_S = 5.0, 0.5
WRITE, READ = "write", "read"
COMPARED = ((WRITE, 100, "writes at batch 100"), (READ, 100, "reads at batch 100"), (READ, 0, "reads of a table"))
"""What is to be at least as fast as on BMv2: operation, batch, and its name."""


@dataclass(frozen=True)
class Passage:
    """Frames that were offered to a path and came out right, within some seconds."""

    offered: int
    arrived: int
    seconds: float

    @property
    def pps(self) -> float:
        """Frames that arrived per second."""
        return self.arrived / self.seconds

    @property
    def lost(self) -> int:
        """Frames that did not arrive."""
        return self.offered - self.arrived


@dataclass(frozen=True)
class Round:
    """The same frames over the bare redirect and through the program, one after the other."""

    bare: Passage
    program: Passage

    @property
    def share(self) -> float:
        """The program's packets per second as a share of the bare redirect's."""
        return self.program.pps / self.bare.pps


@dataclass(frozen=True)
class Load:
    """Packets per second that were offered to BMv2, and that came out."""

    offered_pps: float
    arrived_pps: float


@dataclass(frozen=True)
class Throughput:
    """Packets per second of one program; medians over the rounds. No BMv2, no sweep."""

    program: str
    frame_bytes: int
    bare_pps: float
    pps: float
    share_of_bare: float
    lost: int
    rounds: tuple[Round, ...]
    bmv2: tuple[Load, ...] = ()
    bmv2_best_pps: float | None = None
    times_bmv2: float | None = None


@dataclass(frozen=True)
class Single:
    """One program run on one frame again and again, without interfaces; `overhead_ns` is already taken off."""

    program: str
    ns_per_packet: float
    overhead_ns: float
    instructions: int
    machine_code_bytes: int


@dataclass(frozen=True)
class Lookup:
    """A packet through a program with one table; keys are random and hit. `masks` counts distinct ternary masks.

    `ns_per_packet` is of the program alone; `live_ns_per_packet` is of a frame from one link to the other.
    """

    kind: str
    entries: int
    masks: int
    ns_per_packet: float
    live_ns_per_packet: float


@dataclass(frozen=True)
class Compilation:
    """Seconds to compile a program in a new process: the compiler's own, and the process's with its imports."""

    program: str
    cold_s: float
    cached_s: float
    cold_process_s: float
    cached_process_s: float


@dataclass(frozen=True)
class EntryRate:
    """Entries per second over P4Runtime, written or read by their match; batch 0 reads the whole table at once."""

    target: str
    operation: str
    batch: int
    entries: int
    per_second: float


@dataclass(frozen=True)
class Goal:
    """A bound. `held` is None when the value could not be measured here."""

    name: str
    bound: str
    value: float | None
    held: bool | None


@dataclass(frozen=True)
class Result:
    """Everything of one run. What was not asked for is empty."""

    machine: Machine
    load_average: float
    cpu: int
    throughput: tuple[Throughput, ...] = ()
    single: tuple[Single, ...] = ()
    lookup: tuple[Lookup, ...] = ()
    compilation: tuple[Compilation, ...] = ()
    entry_rates: tuple[EntryRate, ...] = ()

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The goals that this run can tell something about."""
        return (
            *throughput_goals(self.throughput),
            *lookup_goals(self.lookup),
            *compilation_goals(self.compilation),
            *entry_rate_goals(self.entry_rates),
        )

    @property
    def held(self) -> bool:
        """Whether no goal is missed."""
        return all(goal.held is not False for goal in self.goals)


def typical(loads: Sequence[Load]) -> Load:
    """The medians of several measurements of one load."""
    return Load(median(one.offered_pps for one in loads), median(one.arrived_pps for one in loads))


def throughput(program: str, frame_bytes: int, rounds: Sequence[Round], bmv2: Sequence[Load] = ()) -> Throughput:
    """The medians of at least one round, and the best of the sweep."""
    pps = median(r.program.pps for r in rounds)
    best = max((load.arrived_pps for load in bmv2), default=0.0)
    return Throughput(
        program=program,
        frame_bytes=frame_bytes,
        bare_pps=median(r.bare.pps for r in rounds),
        pps=pps,
        share_of_bare=median(r.share for r in rounds),
        lost=sum(r.program.lost + r.bare.lost for r in rounds),
        rounds=tuple(rounds),
        bmv2=tuple(bmv2),
        bmv2_best_pps=best if best else None,
        times_bmv2=pps / best if best else None,
    )


def throughput_goals(found: Sequence[Throughput]) -> Iterator[Goal]:
    """Shares of the bare redirect, and multiples of BMv2."""
    for one in found:
        if one.program in BARE_SHARES:
            yield at_least(f"{one.program}: share of a bare redirect", BARE_SHARES[one.program], one.share_of_bare)
        yield at_least(f"{one.program}: times BMv2's best", BMV2_MULTIPLE, one.times_bmv2)


def lookup_goals(found: Sequence[Lookup]) -> Iterator[Goal]:
    """How much the most entries cost over the fewest."""
    for kind in FLAT_KINDS:
        ours = {one.entries: one for one in found if one.kind == kind}
        if len(ours) > 1:
            few, many = ours[min(ours)], ours[max(ours)]
            what = f"with {many.entries} entries over {few.entries}"
            live = many.live_ns_per_packet / few.live_ns_per_packet
            yield at_most(f"{kind}: a packet {what}", FLATNESS, live)
            alone = many.ns_per_packet / few.ns_per_packet
            yield at_most(f"{kind}: the program alone {what}", FLATNESS, alone)
    few_masks = {one.entries: one for one in found if one.kind == TERNARY and one.masks == FEW_MASKS}
    if len(few_masks) > 1:
        few, many = few_masks[min(few_masks)], few_masks[max(few_masks)]
        what = f"a packet with {many.entries} entries over {few.entries}, {FEW_MASKS} masks"
        yield at_most(f"{TERNARY}: {what}", FLATNESS, many.live_ns_per_packet / few.live_ns_per_packet)


def compilation_goals(found: Sequence[Compilation]) -> Iterator[Goal]:
    """Seconds, cold and cached."""
    for one in found:
        yield at_most(f"{one.program}: seconds to compile", COLD_COMPILE_S, one.cold_s)
        yield at_most(f"{one.program}: seconds to compile, cached", CACHED_COMPILE_S, one.cached_s)


def entry_rate_goals(found: Sequence[EntryRate]) -> Iterator[Goal]:
    """Ours over BMv2's, writing and reading."""
    rates = {(one.target, one.operation, one.batch): one.per_second for one in found}
    for operation, batch, what in COMPARED:
        ours, theirs = rates.get(("xdp", operation, batch)), rates.get(("bmv2", operation, batch))
        if ours is not None:
            yield at_least(f"P4Runtime {what}, times BMv2's rate", 1.0, ours / theirs if theirs else None)


def at_least(name: str, bound: float, value: float | None) -> Goal:
    """A lower bound."""
    return Goal(name, f">= {bound:g}", value, None if value is None else value >= bound)


def at_most(name: str, bound: float, value: float | None) -> Goal:
    """An upper bound."""
    return Goal(name, f"<= {bound:g}", value, None if value is None else value <= bound)
