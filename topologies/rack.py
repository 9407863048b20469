"""A rack as data: one switch, compute blades and memory blades, with the addresses of docs/wire.md.

Nothing here touches the machine; `topologies.session` makes a rack real.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface

from rackplane.topologies.fabric import Cable, End, Fabric, Host
from rackplane.topologies.fields import Fields, TopologyError

MAX_BLADES = 16
"""Of each kind: the directory's sharer bitmap has 16 bits."""
PREFIX_LENGTH = 16
DEFAULT_CAPACITY = 256 << 20
MAX_CAPACITY = 1 << 40
"""Bytes of address space of one memory blade: the most that it can serve."""
RACK_IP = IPv4Address("10.0.255.254")
RACK_MAC = "02:00:00:00:ff:fe"
DEFAULT_NAME = "rack"
DEFAULT_SWITCH = "s1"
_NAME = re.compile(r"[a-z][a-z0-9]{0,8}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True)
class ComputeBlade:
    """A host that runs programs. `blade_id` is its bit among the sharers of a region."""

    name: str
    blade_id: int
    port: int
    ip: IPv4Address
    mac: str


@dataclass(frozen=True)
class MemoryBlade:
    """A host that serves `capacity` bytes (a multiple of 4 KiB) of the rack's memory, from address `base` on."""

    name: str
    memory_id: int
    port: int
    ip: IPv4Address
    mac: str
    capacity: int

    @property
    def base(self) -> int:
        """First address of this blade in the rack's address space."""
        return (self.memory_id + 1) << 40


Blade = ComputeBlade | MemoryBlade


@dataclass(frozen=True)
class Link:
    """A cable from `host_interface` of blade `host` to `switch_interface`, which is the switch's port `port`."""

    host: str
    host_interface: str
    switch_interface: str
    port: int


@dataclass(frozen=True)
class Rack:
    """A validated rack: one switch called `switch`, blades with distinct names, addresses and ports 1..n."""

    name: str
    switch: str
    compute: tuple[ComputeBlade, ...]
    memory: tuple[MemoryBlade, ...]

    def __post_init__(self) -> None:
        """Check that the rack can exist. Raises TopologyError."""
        _check_names([self.name, self.switch, *(blade.name for blade in self.blades)], self.blades)
        _check_counts(self.compute, self.memory)
        _check_distinct(self.blades)
        for blade in self.memory:
            _check_capacity(blade)

    @property
    def blades(self) -> tuple[Blade, ...]:
        """All hosts, compute blades first."""
        return (*self.compute, *self.memory)

    @property
    def links(self) -> tuple[Link, ...]:
        """One cable per blade, in the order of the switch's ports."""
        cables = (
            Link(blade.name, f"{blade.name}-eth0", f"{self.switch}-eth{blade.port}", blade.port)
            for blade in self.blades
        )
        return tuple(sorted(cables, key=lambda link: link.port))

    @cached_property
    def fabric(self) -> Fabric:
        """The rack as hosts and cables; every blade knows the others' addresses, and the switch's own."""
        return Fabric(self.name, tuple(self._host(blade) for blade in self.blades), (self.switch,), self._cables())

    def _cables(self) -> tuple[Cable, ...]:
        return tuple(
            Cable(End(link.host, link.host_interface), End(self.switch, link.switch_interface, link.port))
            for link in self.links
        )

    def _host(self, blade: Blade) -> Host:
        others = [(other.ip, other.mac) for other in self.blades if other is not blade]
        return Host(
            name=blade.name,
            interface=f"{blade.name}-eth0",
            address=IPv4Interface(f"{blade.ip}/{PREFIX_LENGTH}"),
            mac=blade.mac,
            neighbours=(*others, (RACK_IP, RACK_MAC)),
        )

    @property
    def summary(self) -> str:
        """How many blades of which kind."""
        return f"{len(self.compute)} compute and {len(self.memory)} memory blades"

    def blade(self, name: str) -> Blade:
        """The blade called `name`. Raises TopologyError."""
        for blade in self.blades:
            if blade.name == name:
                return blade
        raise TopologyError(f"no blade is called {name!r}; this rack has {', '.join(b.name for b in self.blades)}")

    def to_json(self) -> str:
        """The rack as a JSON object that `from_json` reads."""
        return json.dumps(asdict(self), default=str, indent=2)


def rack(
    compute: int = 2,
    memory: int = 2,
    *,
    capacity: int = DEFAULT_CAPACITY,
    name: str = DEFAULT_NAME,
    switch: str = DEFAULT_SWITCH,
) -> Rack:
    """A rack of `compute` and `memory` blades (1 to 16 each), every memory blade with `capacity` bytes.

    Two racks that run at once need different names, and different switch names (the switch's interfaces carry it).
    """
    for what, count in (("compute", compute), ("memory", memory)):
        if not 1 <= count <= MAX_BLADES:
            raise TopologyError(f"a rack has 1 to {MAX_BLADES} {what} blades, not {count}")
    return Rack(
        name=name,
        switch=switch,
        compute=tuple(_compute_blade(number) for number in range(1, compute + 1)),
        memory=tuple(_memory_blade(number, compute + number, capacity) for number in range(1, memory + 1)),
    )


def _compute_blade(number: int) -> ComputeBlade:
    return ComputeBlade(
        f"c{number}", number - 1, number, IPv4Address(f"10.0.0.{number}"), f"02:00:00:00:00:{number:02x}"
    )


def _memory_blade(number: int, port: int, capacity: int) -> MemoryBlade:
    return MemoryBlade(
        f"m{number}", number - 1, port, IPv4Address(f"10.0.1.{number}"), f"02:00:00:00:01:{number:02x}", capacity
    )


def from_json(text: str) -> Rack:
    """Read what `Rack.to_json` wrote. Raises TopologyError that names the field at fault."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise TopologyError(f"the rack is not JSON: {error}") from error
    return from_fields(Fields(data, "rack"))


def from_fields(root: Fields) -> Rack:
    """The rack in a JSON object. Raises TopologyError."""
    return Rack(
        name=root.text("name"),
        switch=root.text("switch"),
        compute=tuple(
            ComputeBlade(f.text("name"), f.number("blade_id"), f.number("port"), f.address("ip"), f.text("mac"))
            for f in root.objects("compute")
        ),
        memory=tuple(
            MemoryBlade(
                name=f.text("name"),
                memory_id=f.number("memory_id"),
                port=f.number("port"),
                ip=f.address("ip"),
                mac=f.text("mac"),
                capacity=f.number("capacity"),
            )
            for f in root.objects("memory")
        ),
    )


def check_name(name: str) -> None:
    """Raise TopologyError unless `name` can be the name of a rack, a switch or a blade."""
    if not _NAME.fullmatch(name):
        raise TopologyError(f"{name!r} is no name: use a lower-case letter, then up to 8 letters and digits")


def _check_names(names: list[str], blades: Iterable[Blade]) -> None:
    for name in names:
        check_name(name)
    hosts = [blade.name for blade in blades]
    if names[1] in hosts:
        raise TopologyError(f"the switch and a blade are both called {names[1]!r}")


def _check_counts(compute: tuple[ComputeBlade, ...], memory: tuple[MemoryBlade, ...]) -> None:
    for what, blades, ids in (
        ("compute", compute, [blade.blade_id for blade in compute]),
        ("memory", memory, [blade.memory_id for blade in memory]),
    ):
        if not 1 <= len(blades) <= MAX_BLADES:
            raise TopologyError(f"a rack has 1 to {MAX_BLADES} {what} blades, not {len(blades)}")
        if sorted(ids) != list(range(len(blades))):
            raise TopologyError(f"the ids of the {what} blades must be 0 to {len(blades) - 1}, not {ids}")


def _check_distinct(blades: tuple[Blade, ...]) -> None:
    for what, values in (
        ("name", [blade.name for blade in blades]),
        ("IP address", [str(blade.ip) for blade in blades]),
        ("MAC address", [blade.mac for blade in blades]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise TopologyError(f"two blades have the same {what}: {', '.join(twice)}")
    for blade in blades:
        if not _MAC.fullmatch(blade.mac):
            raise TopologyError(f"{blade.name}: {blade.mac!r} is no MAC address (write 02:00:00:00:00:01)")
    ports = sorted(blade.port for blade in blades)
    if ports != list(range(1, len(blades) + 1)):
        raise TopologyError(f"the blades' switch ports must be 1 to {len(blades)}, not {ports}")


def _check_capacity(blade: MemoryBlade) -> None:
    if not 4096 <= blade.capacity <= MAX_CAPACITY or blade.capacity % 4096:
        raise TopologyError(
            f"{blade.name}: a capacity of {blade.capacity} bytes is impossible: "
            f"it must be a multiple of 4096 and at most {MAX_CAPACITY}"
        )
