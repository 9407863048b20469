"""The rack that the control plane programs, read from the rack file that a topology writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

MAX_BLADES = 16
"""Of each kind: the directory's sharer bitmap has 16 bits, and groups 1 to 16 belong to memory blades."""
MAX_PORT = 509
RACK_BITS = 40
"""Memory blade j holds the 2^40 addresses from j << 40 on (docs/wire.md)."""


class RackError(ValueError):
    """A rack file that does not describe a rack; the text names the field."""


@dataclass(frozen=True)
class ComputeBlade:
    """A compute blade: blade_id is its bit among the sharers."""

    name: str
    blade_id: int
    port: int
    ip: int
    mac: int

    @property
    def mask(self) -> int:
        """Its bit among the sharers."""
        return 1 << self.blade_id


@dataclass(frozen=True)
class MemoryBlade:
    """A memory blade of `capacity` bytes."""

    name: str
    memory_id: int
    port: int
    ip: int
    mac: int
    capacity: int

    @property
    def base(self) -> int:
        """The first address that it holds."""
        return (self.memory_id + 1) << RACK_BITS

    @property
    def group(self) -> int:
        """The multicast group of all compute blades and this memory blade."""
        return self.memory_id + 1


@dataclass(frozen=True)
class Rack:
    """The blades that are attached to the switch, each on a port of its own."""

    compute: tuple[ComputeBlade, ...]
    memory: tuple[MemoryBlade, ...]

    def __post_init__(self) -> None:
        """Check ids and ports. Raises RackError."""
        _check_ids("compute", [blade.blade_id for blade in self.compute])
        _check_ids("memory", [blade.memory_id for blade in self.memory])
        ports = [port for port, _ in self.hosts]
        if len(set(ports)) != len(ports):
            raise RackError(f"two blades share a switch port: {sorted(ports)}")
        for blade in self.memory:
            if not 0 < blade.capacity <= 1 << RACK_BITS or blade.capacity % 4096:
                raise RackError(f"{blade.name}: {blade.capacity} bytes are no capacity: it is a multiple of 4096")

    @property
    def hosts(self) -> tuple[tuple[int, int], ...]:
        """Switch port and MAC address of every blade."""
        return (*((b.port, b.mac) for b in self.compute), *((b.port, b.mac) for b in self.memory))

    def blade(self, blade_id: int) -> ComputeBlade | None:
        """The compute blade with that id."""
        return next((blade for blade in self.compute if blade.blade_id == blade_id), None)


def read_rack(text: str) -> Rack:
    """The rack in a JSON object with the lists `compute` and `memory`. Raises RackError."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise RackError(f"the rack file is not JSON: {error}") from error
    return Rack(
        compute=tuple(
            ComputeBlade(_text(b, "name"), _number(b, "blade_id", MAX_BLADES - 1), *_place(b))
            for b in _objects(data, "compute")
        ),
        memory=tuple(
            MemoryBlade(
                _text(b, "name"),
                _number(b, "memory_id", MAX_BLADES - 1),
                *_place(b),
                _number(b, "capacity", 1 << RACK_BITS),
            )
            for b in _objects(data, "memory")
        ),
    )


def _place(blade: Mapping[str, object]) -> tuple[int, int, int]:
    """Switch port, IPv4 address and MAC address."""
    try:
        ip = int(IPv4Address(_text(blade, "ip")))
        mac = int(_text(blade, "mac").replace(":", ""), 16)
    except ValueError as error:
        raise RackError(f"blade {blade.get('name')!r}: {error}") from error
    if mac >= 1 << 48:
        raise RackError(f"blade {blade.get('name')!r}: {blade.get('mac')!r} is no MAC address")
    return _number(blade, "port", MAX_PORT), ip, mac


def _objects(data: object, key: str) -> list[Mapping[str, object]]:
    items = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, Mapping) for item in items):
        raise RackError(f"the rack file needs a list of blades called {key!r}")
    return items


def _text(blade: Mapping[str, object], key: str) -> str:
    value = blade.get(key)
    if not isinstance(value, str):
        raise RackError(f"blade {blade.get('name')!r}: {key!r} must be a string, not {value!r}")
    return value


def _number(blade: Mapping[str, object], key: str, most: int) -> int:
    value = blade.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise RackError(f"blade {blade.get('name')!r}: {key!r} must be a number from 0 to {most}, not {value!r}")
    return value


def _check_ids(kind: str, ids: list[int]) -> None:
    if len(set(ids)) != len(ids) or len(ids) > MAX_BLADES:
        raise RackError(f"a rack has at most {MAX_BLADES} {kind} blades with ids of their own, not {sorted(ids)}")
