"""The whole rack of the model: blades, switch, memory, control plane, and a network that keeps no order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rackplane.experiments.protocol_model.blade import NEVER, Blade, Page, Rules
from rackplane.experiments.protocol_model.directory import (
    CONTROL,
    MEMORY,
    MODIFIED,
    NOBODY,
    SWITCH,
    Entry,
    Message,
    switch,
)
from rackplane.experiments.protocol_model.table import TransitionTable

Access = tuple[str, int]
"""("load" or "store", page)."""


@dataclass(frozen=True)
class Bounds:
    """How much happens: the accesses of each blade, one after the other, and how often the other things may."""

    programs: tuple[tuple[Access, ...], ...]
    losses: int = 0
    repeats: int = 0
    recalls: int = 0
    evictions: int = 0
    hurries: int = 1
    """How often a refused request is sent again, or an UPGRADE given up, while other packets are under way."""
    packets: int = 8
    """Under way at once, at most: old ones that never arrive could gather without end."""

    @property
    def blades(self) -> int:
        """One for each program."""
        return len(self.programs)

    @property
    def pages(self) -> int:
        """Of the one region."""
        return 1 + max(page for program in self.programs for _, page in program)


class World(NamedTuple):
    """A state. `values` counts the stores to each page: what every load has to see."""

    entry: Entry
    blades: tuple[Blade, ...]
    memory: tuple[int, ...]
    values: tuple[int, ...]
    network: tuple[Message, ...]
    executed: frozenset[tuple[int, int]]
    losses: int
    repeats: int
    recalls: int
    evictions: int
    hurries: int
    recalling: bool = False

    @property
    def settled(self) -> bool:
        """Whether every access that began has ended and nothing is under way."""
        return not self.network and not self.recalling and all(blade.idle for blade in self.blades)

    @property
    def done(self) -> bool:
        """Whether every access of every program has ended."""
        return self.settled and not any(blade.left for blade in self.blades)


class Violation(AssertionError):
    """What a rack must never do."""


Successor = tuple[str, World]


class Rack:
    """The rules of a rack under a transition table."""

    def __init__(self, table: TransitionTable, bounds: Bounds) -> None:
        self.table = table
        self.bounds = bounds
        self.rules = [Rules(blade) for blade in range(bounds.blades)]

    def start(self) -> World:
        """Nobody has anything."""
        bounds = self.bounds
        pages = (Page(),) * bounds.pages
        zeros = (0,) * bounds.pages
        return World(
            Entry(),
            tuple(Blade(pages, len(program)) for program in bounds.programs),
            zeros,
            zeros,
            (),
            frozenset(),
            bounds.losses,
            bounds.repeats,
            bounds.recalls,
            bounds.evictions,
            bounds.hurries,
        )

    def successors(self, world: World) -> Iterator[Successor]:
        """Everything that can happen next. Raises Violation or Lost where that must not."""
        yield from self._deliveries(world)
        for number in range(self.bounds.blades):
            yield from self._blade_steps(world, number)
        if world.recalls and not world.recalling and world.entry.state != "L":
            recalled = world._replace(recalls=world.recalls - 1, recalling=True)
            yield "the control plane recalls the region", self._put(recalled, [_RECALL])
        if not world.network:
            yield from self._timeouts(world)

    def check(self, world: World) -> None:
        """One writer or many readers, and every copy is what the last store made.

        Raises:
            Violation: when it is not so.
        """
        for number in range(self.bounds.pages):
            held = [
                (who, blade.pages[number]) for who, blade in enumerate(world.blades) if blade.pages[number].state
            ]
            owners = [who for who, page in held if page.state == MODIFIED]
            if owners and len(held) > 1:
                raise Violation(f"blade {owners[0]} may write page {number}, and {len(held) - 1} other has a copy")
            for who, page in held:
                if page.value != world.values[number]:
                    raise Violation(f"blade {who} can read an old value of page {number}")

    def _put(self, world: World, packets: list[Message]) -> World:
        known = [p for p in packets if p.to < self.bounds.blades]
        return world._replace(network=tuple(sorted((*world.network, *known)))) if known else world

    def _deliveries(self, world: World) -> Iterator[Successor]:
        for index, packet in enumerate(world.network):
            if index and world.network[index - 1] == packet:
                continue
            rest = (*world.network[:index], *world.network[index + 1 :])
            without = world._replace(network=rest)
            yield f"{_told(packet)} arrives", self._deliver(without, packet)
            if world.repeats:
                yield (
                    f"{_told(packet)} arrives and comes again",
                    self._deliver(world._replace(repeats=world.repeats - 1), packet),
                )
            if world.losses:
                yield f"{_told(packet)} is lost", without._replace(losses=world.losses - 1)

    def _deliver(self, world: World, packet: Message) -> World:
        if packet.to == SWITCH:
            entry, leaving = switch(self.table, world.entry, packet, self.bounds.blades)
            return self._put(world._replace(entry=entry), leaving)
        if packet.to == MEMORY:
            return self._memory(world, packet)
        if packet.to == CONTROL:
            return self._control(world)
        blade, sent = self.rules[packet.to].receive(world.blades[packet.to], packet)
        return self._put(_with_blade(world, packet.to, blade), sent)

    def _memory(self, world: World, packet: Message) -> World:
        if packet.kind == "READ":
            answer = packet._replace(kind="DATA", to=packet.peer, peer=NOBODY, value=world.memory[packet.page])
            return self._put(world, [answer])
        once = (packet.sender, packet.psn)
        written = Message("WRITTEN", packet.sender, MEMORY, packet.page, packet.psn)
        if once in world.executed:
            return self._put(world, [written])
        memory = list(world.memory)
        memory[packet.page] = packet.value
        changed = world._replace(memory=tuple(memory), executed=world.executed | {once})
        return self._put(changed, [written])

    def _control(self, world: World) -> World:
        """RECALL has ended, and the region is opened again."""
        if not world.recalling or world.entry.state != "L":
            return world
        return world._replace(entry=world.entry._replace(state="I"), recalling=False)

    def _blade_steps(self, world: World, number: int) -> Iterator[Successor]:
        blade, rules = world.blades[number], self.rules[number]
        if blade.left:
            yield from self._access(world, number)
        for page_number, page in enumerate(blade.pages):
            again = page.fill is not None and page.fill.waits and not blade.blocked
            if again and (world.hurries or not world.network):
                yield from self._asks_again(world, number, page_number)
            quiet = page.state and not page.fill and page.writing == NEVER and not page.wants and not blade.blocked
            if world.evictions and quiet:
                step = rules.evict(blade, page_number)
                fewer = world._replace(evictions=world.evictions - 1)
                yield self._step(fewer, number, f"evicts page {page_number}", step)

    def _asks_again(self, world: World, number: int, page_number: int) -> Iterator[Successor]:
        blade, rules = world.blades[number], self.rules[number]
        page = blade.pages[page_number]
        after = world._replace(hurries=world.hurries - 1) if world.network else world
        step = rules.send_again(blade, page_number)
        yield self._step(after, number, f"asks again for page {page_number}", step)
        if page.fill is not None and page.fill.kind == "UPGRADE" and page.state:
            gone = rules.give_up_upgrade(blade, page_number)
            yield self._step(after, number, f"asks for page {page_number} itself", gone)

    def _access(self, world: World, number: int) -> Iterator[Successor]:
        """The next load or store of a blade: it happens, or the blade begins to wait for its page."""
        blade = world.blades[number]
        program = self.bounds.programs[number]
        access, page_number = program[len(program) - blade.left]
        page = blade.pages[page_number]
        told = f"blade {number} {access}s page {page_number}"
        done = blade._replace(left=blade.left - 1)
        if access == "load" and page.state:
            yield told, _with_blade(world, number, done)
        elif access == "store" and page.writable:
            value = world.values[page_number] + 1
            values = (*world.values[:page_number], value, *world.values[page_number + 1 :])
            stored = done.with_page(page_number, page._replace(value=value))
            yield told, _with_blade(world._replace(values=values), number, stored)
        elif not page.wants:
            step = self.rules[number].want(blade, page_number, access)
            yield self._step(world, number, f"wants to {access} page {page_number}", step)

    def _step(self, world: World, number: int, what: str, step: tuple[Blade, list[Message]]) -> Successor:
        blade, sent = step
        return f"blade {number} {what}", self._put(_with_blade(world, number, blade), sent)

    def _timeouts(self, world: World) -> Iterator[Successor]:
        """Nothing is under way: whoever waits for an answer sends again. Earlier repetitions are `repeats`."""
        packets: list[Message] = []
        for number, blade in enumerate(world.blades):
            rules = self.rules[number]
            for page_number, page in enumerate(blade.pages):
                if page.fill is not None and not page.fill.waits:
                    packets.append(rules.send(page.fill.kind, page_number, psn=page.fill.psn))
                if page.writing != NEVER:
                    packets.append(rules.rewrite(blade, page_number))
            if blade.releasing != NEVER:
                packets.append(rules.release(blade))
        if world.recalling:
            packets.append(_RECALL)
        if packets:
            yield "time passes, and what was not answered is sent again", self._put(world, packets)


_RECALL = Message("RECALL", SWITCH, CONTROL)


def _with_blade(world: World, number: int, blade: Blade) -> World:
    return world._replace(blades=(*world.blades[:number], blade, *world.blades[number + 1 :]))


def _told(packet: Message) -> str:
    names = {SWITCH: "the switch", MEMORY: "memory", CONTROL: "the control plane"}
    to = names.get(packet.to, f"blade {packet.to}")
    sender = f" of blade {packet.sender}" if packet.sender >= 0 else ""
    return f"{packet.kind}{sender} to {to}"
