"""Breadth-first search through every state that a bounded rack can reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rackplane.experiments.protocol_model.blade import Lost
from rackplane.experiments.protocol_model.canonical import canonical
from rackplane.experiments.protocol_model.table import TransitionTable
from rackplane.experiments.protocol_model.world import Bounds, Rack, Violation, World


@dataclass(frozen=True)
class Found:
    """The end of a search. `fault` is empty when the protocol holds; else `steps` lead to it from the start."""

    states: int
    fault: str = ""
    steps: tuple[str, ...] = ()
    complete: bool = True
    """Whether every reachable state was seen."""


class _Graph:
    """The states seen, how each was first reached, and which follow which."""

    def __init__(self, start: World) -> None:
        self.number: dict[World, int] = {start: 0}
        self.states: list[World] = [start]
        self.reached: list[tuple[int, str]] = [(-1, "")]
        self.predecessors: list[list[int]] = [[]]

    def add(self, world: World, before: int, step: str) -> None:
        """Note a step; a new state gets the next number."""
        number = self.number.setdefault(world, len(self.states))
        if number == len(self.states):
            self.states.append(world)
            self.reached.append((before, step))
            self.predecessors.append([])
        self.predecessors[number].append(before)

    def path(self, number: int) -> tuple[str, ...]:
        """The steps from the start."""
        steps = []
        while number > 0:
            number, step = self.reached[number]
            steps.append(step)
        return tuple(reversed(steps))

    def cannot_settle(self) -> Iterator[int]:
        """States from which no sequence of steps ends with every access done: deadlock, or a circle for ever."""
        can = [world.done for world in self.states]
        work = [number for number, settled in enumerate(can) if settled]
        while work:
            for before in self.predecessors[work.pop()]:
                if not can[before]:
                    can[before] = True
                    work.append(before)
        return (number for number, possible in enumerate(can) if not possible)


def search(table: TransitionTable, bounds: Bounds, most_states: int = 2_000_000) -> Found:
    """Look at every reachable state: one writer or many readers, no old value, nothing lost, and no deadlock."""
    rack = Rack(table, bounds)
    graph = _Graph(rack.start())
    number = 0
    while number < len(graph.states) and len(graph.states) < most_states:
        try:
            for step, world in rack.successors(graph.states[number]):
                rack.check(world)
                named = canonical(world)
                if len(named.network) <= bounds.packets:
                    graph.add(named, number, step)
        except (Violation, Lost) as fault:
            return Found(len(graph.states), str(fault), graph.path(number))
        number += 1
    if number < len(graph.states):
        return Found(len(graph.states), complete=False)
    stuck = max(graph.cannot_settle(), default=None)  # the last one found is the deepest in the trap
    if stuck is not None:
        return Found(len(graph.states), "an access never ends", graph.path(stuck))
    return Found(len(graph.states))
