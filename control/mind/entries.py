"""The P4 entries of mind.p4 as values: what the program's tables and groups need for a rack, a range, a region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import finsy as fy

from rackplane.control.mind.protection import Grant
from rackplane.control.mind.rack import MemoryBlade, Rack
from rackplane.control.mind.regions import Region

CPU_PORT = 510
FLOOD_GROUP = 100
TRANSLATION_PREFIX = 24
"""Bits in front of the 2^40 addresses of a memory blade."""

PORTS = "MindIngress.classification.ports"
TRANSLATION = "MindIngress.translation.ranges"
REGIONS = "MindIngress.region.regions"
RIGHTS = "MindIngress.protection.rights"
HOSTS = "MindIngress.l2.hosts"
BLADES = "MindIngress.delivery.blades"
NEIGHBOURS = "MindEgress.copies.neighbours"
SLOTS = "MindIngress.directory.slots"
FALSE_PAGES = "MindIngress.directory.false_pages"
REASONS = "MindIngress.delivery.reasons"
TRANSITIONS = "MindIngress.directory.transitions"


@dataclass(frozen=True)
class TableEntry:
    """An entry by names: match and arguments as numbers, an lpm match as 'value/length'."""

    table: str
    match: tuple[tuple[str, int | str], ...]
    action: str
    arguments: tuple[tuple[str, int], ...] = ()

    def encode(self) -> fy.P4TableEntry:
        """The P4Runtime entity."""
        return fy.P4TableEntry(
            self.table,
            match=fy.P4TableMatch(dict(self.match)),
            action=fy.P4TableAction(self.action, **dict(self.arguments)),
        )

    def __str__(self) -> str:
        keys = ", ".join(f"{key} {_show(value)}" for key, value in self.match)
        arguments = ", ".join(f"{key}={value:#x}" for key, value in self.arguments)
        return f"{self.table}[{keys}] -> {self.action}({arguments})"


@dataclass(frozen=True)
class MulticastGroup:
    """A multicast group: one copy per port."""

    group: int
    ports: tuple[int, ...]

    def encode(self) -> fy.P4MulticastGroupEntry:
        """The P4Runtime entity."""
        return fy.P4MulticastGroupEntry(self.group, replicas=list(self.ports))

    def __str__(self) -> str:
        return f"multicast group {self.group} -> ports {', '.join(map(str, self.ports))}"


Entry = TableEntry | MulticastGroup


def rack_entries(rack: Rack) -> Iterator[Entry]:
    """All that a rack needs before its first range: ports, blades, translation, bridging, groups."""
    for blade in rack.compute:
        mask = ("mask", blade.mask)
        yield TableEntry(
            PORTS,
            (("port", blade.port),),
            "MindIngress.classification.compute_blade",
            (("blade", blade.blade_id), mask),
        )
        yield TableEntry(
            BLADES, (("blade", blade.blade_id),), "MindIngress.delivery.to_port", (("port", blade.port),)
        )
        yield TableEntry(
            NEIGHBOURS,
            (("port", blade.port),),
            "MindEgress.copies.compute_blade",
            (("mac", blade.mac), ("ip", blade.ip), mask),
        )
    for memory in rack.memory:
        yield from _memory_entries(memory, rack)
    for port, mac in rack.hosts:
        yield TableEntry(HOSTS, (("mac", mac),), "MindIngress.l2.forward", (("port", port),))
    yield MulticastGroup(FLOOD_GROUP, tuple(port for port, _ in rack.hosts))


def _memory_entries(memory: MemoryBlade, rack: Rack) -> Iterator[Entry]:
    yield TableEntry(PORTS, (("port", memory.port),), "MindIngress.classification.memory_blade")
    yield TableEntry(
        NEIGHBOURS,
        (("port", memory.port),),
        "MindEgress.copies.memory_blade",
        (("mac", memory.mac), ("ip", memory.ip)),
    )
    yield TableEntry(
        TRANSLATION,
        (("va", _lpm(memory.base, TRANSLATION_PREFIX)),),
        "MindIngress.translation.memory",
        (("port", memory.port), ("group", memory.group), ("base", memory.base)),
    )
    yield MulticastGroup(memory.group, (*(blade.port for blade in rack.compute), memory.port))


def region_entries(regions: Iterable[Region]) -> list[Entry]:
    """One entry per region: address to directory slot."""
    return [
        TableEntry(
            REGIONS,
            (("va", _lpm(region.prefix.base, region.prefix.length)),),
            "MindIngress.region.region",
            (("slot", region.slot), ("base", region.prefix.base), ("log2", region.prefix.size.bit_length() - 1)),
        )
        for region in regions
    ]


def grant_entries(grants: Iterable[Grant]) -> list[Entry]:
    """One entry per prefix of a domain's range."""
    return [
        TableEntry(
            RIGHTS,
            (("domain", grant.domain), ("va", _lpm(grant.prefix.base, grant.prefix.length))),
            "MindIngress.protection.allow",
            (("rights", int(grant.rights)),),
        )
        for grant in grants
    ]


def _lpm(value: int, length: int) -> str:
    return f"{value}/{length}"


def _show(value: int | str) -> str:
    if isinstance(value, int):
        return f"{value:#x}"
    base, _, length = value.partition("/")
    return f"{int(base):#x}/{length}"
