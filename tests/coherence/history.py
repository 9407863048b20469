"""Whether what the blades of a rack saw of shared words can have happened.

Two exact questions about each word, whose written values are all different:

1. Is there one order of its writes that every blade's program order agrees with, in which each compare-and-swap
   follows at once the value it found? (Coherence: reads never go back, no swap is lost.)
2. Does it also agree with real time: had nothing been overwritten before an operation began that it still saw,
   and nothing been seen before it was written? (By the zones of values of Gibbons and Korach, "Testing shared
   memories", SIAM Journal on Computing, 1997.)
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

INITIAL = 0


@dataclass(frozen=True)
class Operation:
    """A load saw `value`; a store wrote it; a cas found `expected` and wrote `value`. Times in nanoseconds."""

    blade: int
    sequence: int
    kind: str
    word: int
    expected: int | None
    value: int
    begin: int
    end: int

    @property
    def writes(self) -> bool:
        return self.kind != "load"

    @property
    def seen(self) -> list[int]:
        """The values that were the word's, in the operation's own order."""
        return [self.value] if self.expected is None else [self.expected, self.value]


@dataclass(frozen=True)
class Violation:
    """What is impossible about a word."""

    word: int
    what: str
    operations: tuple[Operation, ...] = ()


def operations_of(histories: Iterable[Sequence[Sequence[Any]]]) -> list[Operation]:
    """From the records of hammer.hammer()."""
    return [Operation(*record) for history in histories for record in history]


def check(operations: Iterable[Operation]) -> list[Violation]:
    """Everything that is wrong with a history; empty when it can have happened."""
    by_word: dict[int, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_word[operation.word].append(operation)
    return [violation for word in by_word for violation in check_word(by_word[word])]


def check_word(operations: list[Operation]) -> list[Violation]:
    """The same for the operations on one word."""
    found = list(_values(operations))
    return found or [*_order(operations), *_time(operations)]


def _values(operations: list[Operation]) -> Iterator[Violation]:
    writers: dict[int, Operation] = {}
    for operation in operations:
        if operation.writes and (operation.value in writers or operation.value == INITIAL):
            yield Violation(operation.word, f"{operation.value} is written twice: the test is wrong", (operation,))
        if operation.writes:
            writers[operation.value] = operation
    for operation in operations:
        seen = operation.seen[0]
        if (not operation.writes or operation.kind == "cas") and seen != INITIAL and seen not in writers:
            yield Violation(operation.word, f"{seen} was seen and never written", (operation,))


@dataclass
class _Chains:
    """Values that compare-and-swaps tie together: each one's place in its chain."""

    after: dict[int, Operation] = field(default_factory=dict)
    chain: dict[int, int] = field(default_factory=dict)
    place: dict[int, int] = field(default_factory=dict)


def _chains(operations: list[Operation]) -> tuple[_Chains, list[Violation]]:
    chains, violations = _Chains(), []
    for operation in operations:
        if operation.expected is None:
            continue
        other = chains.after.setdefault(operation.expected, operation)
        if other is not operation:
            what = f"two swaps both found {operation.expected}: one is lost"
            violations.append(Violation(operation.word, what, (other, operation)))
    swapped_in = {operation.value for operation in chains.after.values()}
    for first in chains.after.keys() - swapped_in:
        value, place = first, 0
        while value not in chains.chain:
            chains.chain[value], chains.place[value] = first, place
            if value not in chains.after:
                break
            value, place = chains.after[value].value, place + 1
    return chains, violations


def _steps(operations: list[Operation]) -> Iterator[tuple[int, int, Operation]]:
    """(earlier value, later value, the operation that says so) by each blade's program order."""
    last: dict[int, int] = {}
    for operation in sorted(operations, key=lambda op: op.sequence):
        for value in operation.seen:
            before = last.get(operation.blade, INITIAL)
            if before != value:
                yield before, value, operation
            last[operation.blade] = value


def _order(operations: list[Operation]) -> Iterator[Violation]:
    chains, violations = _chains(operations)
    yield from violations
    if violations:
        return
    graph: dict[int, set[int]] = defaultdict(set)
    reasons: dict[tuple[int, int], Operation] = {}
    for before, after, operation in _steps(operations):
        left, right = chains.chain.get(before, before), chains.chain.get(after, after)
        if left != right:
            graph[right].add(left)
            reasons.setdefault((left, right), operation)
        elif chains.place[before] > chains.place[after]:
            what = f"blade {operation.blade} saw {before} and then {after}, which swaps put before it"
            yield Violation(operation.word, what, (operation,))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = error.args[1]
        evidence = tuple(reasons[pair] for pair in itertools.pairwise(cycle) if pair in reasons)
        yield Violation(
            operations[0].word, f"no order of writes fits: {' before '.join(map(str, cycle))}", evidence
        )


@dataclass
class _Zone:
    """Of one value: the earliest end and the latest beginning of all operations that had it."""

    value: int
    earliest_end: float = float("inf")
    latest_begin: float = float("-inf")
    written: float = float("-inf")

    def add(self, operation: Operation, *, writes: bool) -> None:
        self.earliest_end = min(self.earliest_end, operation.end)
        self.latest_begin = max(self.latest_begin, operation.begin)
        if writes:
            self.written = operation.begin

    @property
    def forward(self) -> bool:
        return self.earliest_end < self.latest_begin


def _zones(operations: list[Operation]) -> dict[int, _Zone]:
    zones = {INITIAL: _Zone(INITIAL, earliest_end=float("-inf"))}
    for operation in operations:
        for value in operation.seen:
            zone = zones.setdefault(value, _Zone(value))
            zone.add(operation, writes=operation.writes and value == operation.value)
    return zones


def _time(operations: list[Operation]) -> Iterator[Violation]:
    word = operations[0].word
    zones = _zones(operations)
    for operation in operations:
        if operation.end < zones[operation.seen[0]].written:
            yield Violation(word, f"{operation.seen[0]} was seen before its store began", (operation,))
    forward = sorted((zone for zone in zones.values() if zone.forward), key=lambda zone: zone.earliest_end)
    for one, two in itertools.pairwise(forward):
        if two.earliest_end < one.latest_begin:
            yield Violation(word, f"{one.value} and {two.value} were each seen after the other had replaced it")
    begins = [zone.earliest_end for zone in forward]
    for zone in zones.values():
        at = bisect.bisect_left(begins, zone.latest_begin) - 1
        if not zone.forward and at >= 0 and zone.earliest_end < forward[at].latest_begin:
            yield Violation(word, f"{zone.value} came and went while {forward[at].value} was there all the time")
