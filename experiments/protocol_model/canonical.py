"""One name for worlds that differ only in how far their counters have run."""

from __future__ import annotations

from collections.abc import Iterable

from rackplane.experiments.protocol_model.blade import NEVER, Blade, Fill, Page
from rackplane.experiments.protocol_model.directory import MEMORY, Message
from rackplane.experiments.protocol_model.world import World

Ranks = dict[int, int]


def canonical(world: World) -> World:
    """The same world with versions, packet numbers and values counted anew, each in its old order.

    Versions and values are only compared with each other, packet numbers only within one blade, and the newest
    version is the directory's: so the two worlds do the same ever after. What a memory blade has executed matters
    only while a packet of that number may still come. Answers that their blade ignores from now on are left out.
    """
    world = world._replace(network=tuple(packet for packet in world.network if not _is_dead(world, packet)))
    versions = _ranks(_versions(world))
    values = [_ranks(_values(world, page)) for page in range(len(world.values))]
    numbers = [_ranks(_numbers(world, blade)) for blade in range(len(world.blades))]
    naming = _Naming(versions, values, numbers)
    return world._replace(
        entry=world.entry._replace(version=versions[world.entry.version]),
        blades=tuple(naming.blade(number, blade) for number, blade in enumerate(world.blades)),
        memory=tuple(values[page][value] for page, value in enumerate(world.memory)),
        values=tuple(values[page][value] for page, value in enumerate(world.values)),
        network=tuple(sorted(naming.packet(packet) for packet in world.network)),
        executed=frozenset((blade, numbers[blade][psn]) for blade, psn in world.executed if psn in numbers[blade]),
    )


def _is_dead(world: World, packet: Message) -> bool:  # noqa: PLR0911
    """Whether the packet answers a number that its blade does not wait for: it never will again."""
    if packet.kind == "READ":
        return _is_dead(world, packet._replace(kind="DATA", to=packet.peer))
    if not 0 <= packet.to < len(world.blades):
        return False
    blade = world.blades[packet.to]
    match packet.kind:
        case "DATA" | "RNR_NAK":
            fill = blade.pages[packet.page].fill
            psn = packet.peer_psn if packet.kind == "DATA" else packet.psn
            return fill is None or fill.psn != psn
        case "WRITTEN" | "NAK_INVALID_REQUEST":
            return blade.pages[packet.page].writing != packet.psn
        case "CONFIRM":
            return blade.releasing != packet.psn
        case "GRANT":
            return all(page.fill is None for page in blade.pages)
        case _:
            return False


def _ranks(found: Iterable[int]) -> Ranks:
    return {value: rank for rank, value in enumerate(sorted(set(found) - {NEVER}))} | {NEVER: NEVER}


def _versions(world: World) -> Iterable[int]:
    yield world.entry.version
    for packet in world.network:
        yield packet.version
    for blade in world.blades:
        yield blade.released if blade.releasing != NEVER else NEVER
        if blade.revoking is not None:
            yield blade.revoking.version
        for page in blade.pages:
            yield page.push
            yield page.version
            yield page.served
            if page.fill is not None:
                yield from (page.fill.version, page.fill.pending, page.fill.clear, page.fill.granted)


def _values(world: World, page: int) -> Iterable[int]:
    yield world.memory[page]
    yield world.values[page]
    for packet in world.network:
        if packet.page == page:
            yield packet.value
    for blade in world.blades:
        held = blade.pages[page]
        yield held.value
        if held.fill is not None and held.fill.value is not None:
            yield held.fill.value


def _numbers(world: World, number: int) -> Iterable[int]:
    blade = world.blades[number]
    yield blade.releasing
    for page in blade.pages:
        yield page.writing
        if page.fill is not None:
            yield page.fill.psn
    for packet in (*world.network, *(b.revoking for b in world.blades if b.revoking is not None)):
        if packet.sender == number or (packet.to == number and packet.kind != "INVALIDATE"):
            yield packet.psn
        if number in (packet.peer, packet.to, packet.sender):
            yield packet.peer_psn


class _Naming:
    """The new names of counters."""

    def __init__(self, versions: Ranks, values: list[Ranks], numbers: list[Ranks]) -> None:
        self._versions = versions
        self._values = values
        self._numbers = numbers

    def blade(self, number: int, blade: Blade) -> Blade:
        """A blade under the new names."""
        revoking = None if blade.revoking is None else self.packet(blade.revoking)
        own = self._numbers[number]
        return blade._replace(
            pages=tuple(self._page(number, index, page) for index, page in enumerate(blade.pages)),
            revoking=revoking,
            releasing=own[blade.releasing],
            released=self._versions[blade.released] if blade.releasing != NEVER else 0,
            numbers=max(own.values()) + 1,
        )

    def packet(self, packet: Message) -> Message:
        """A packet under the new names."""
        value = self._values[packet.page][packet.value] if packet.page >= 0 else 0
        return packet._replace(
            version=self._versions[packet.version],
            value=value,
            psn=self._number(packet.sender if packet.sender >= 0 else packet.to, packet.psn),
            peer_psn=self._number(self._peer(packet), packet.peer_psn),
        )

    @staticmethod
    def _peer(packet: Message) -> int:
        """Whose number `peer_psn` is."""
        if packet.kind == "DATA":
            return packet.to
        return packet.peer if packet.kind in _WITH_PEER else MEMORY

    def _number(self, blade: int, psn: int) -> int:
        if 0 <= blade < len(self._numbers):
            return self._numbers[blade].get(psn, 0)
        return 0

    def _page(self, number: int, index: int, page: Page) -> Page:
        versions, values = self._versions, self._values[index]
        return page._replace(
            value=values[page.value],
            version=versions[page.version],
            served=versions[page.served],
            push=versions[page.push],
            writing=self._numbers[number][page.writing],
            fill=None if page.fill is None else self._fill(number, index, page.fill),
        )

    def _fill(self, number: int, index: int, fill: Fill) -> Fill:
        versions = self._versions
        return fill._replace(
            psn=self._numbers[number][fill.psn],
            value=None if fill.value is None else self._values[index][fill.value],
            version=versions[fill.version],
            pending=versions[fill.pending],
            clear=versions[fill.clear],
            granted=versions[fill.granted],
        )


_WITH_PEER = frozenset({"READ", "INVALIDATE", "INVALIDATE_ACK", "PUSH", "PUSH_EMPTY"})
