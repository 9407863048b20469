"""What a launcher makes real: hosts, switches and the cables between them, whatever they are for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Protocol

from rackplane.topologies.fields import Fields, TopologyError

_INTERFACE_LIMIT = 15


@dataclass(frozen=True)
class Host:
    """A network namespace with one interface. `commands` run in it, by a shell, once all cables are there."""

    name: str
    interface: str
    address: IPv4Interface
    mac: str
    neighbours: tuple[tuple[IPv4Address, str], ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shape:
    """What a cable does to frames: one-way delay in milliseconds, rate in Mbit/s (None: unlimited).

    With `at_ends` this is done where frames leave, and a switch that sends through the kernel's queues feels them.
    """

    delay_ms: float = 0.0
    rate_mbit: float | None = None
    at_ends: bool = False

    @property
    def shapes(self) -> bool:
        """Whether it does anything."""
        return self.delay_ms > 0 or self.rate_mbit is not None


@dataclass(frozen=True)
class End:
    """One end of a cable: an interface of a host, or of a switch, whose port `port` it is then."""

    node: str
    interface: str
    port: int = 0


@dataclass(frozen=True)
class Cable:
    """A link between two ends; where a host is at one of them, it is the first."""

    first: End
    second: End
    shape: Shape = Shape()


@dataclass(frozen=True)
class Fabric:
    """Hosts with one cable each, switches by name, and cables whose ends name them."""

    name: str
    hosts: tuple[Host, ...]
    switches: tuple[str, ...]
    cables: tuple[Cable, ...]

    def __post_init__(self) -> None:
        """Check what no launcher could make. Raises TopologyError."""
        for end in self.ends:
            if len(end.interface) > _INTERFACE_LIMIT:
                raise TopologyError(
                    f"the interface {end.interface} of {end.node} has more than {_INTERFACE_LIMIT} characters: "
                    "take a shorter name for the rack"
                )

    @property
    def ends(self) -> Iterator[End]:
        """Both ends of every cable."""
        for cable in self.cables:
            yield from (cable.first, cable.second)

    def ports(self, switch: str) -> dict[int, str]:
        """The interfaces of a switch by port."""
        return {end.port: end.interface for end in self.ends if end.node == switch}

    @property
    def switch_interfaces(self) -> list[str]:
        """Interfaces that are outside of the hosts' namespaces."""
        return [end.interface for end in self.ends if end.node in self.switches]

    def host(self, name: str) -> Host:
        """The host called `name`. Raises TopologyError."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise TopologyError(f"no host is called {name!r}; this rack has {', '.join(h.name for h in self.hosts)}")

    def to_json(self) -> str:
        """The fabric as a JSON object that `from_fields` reads."""
        return json.dumps(asdict(self), default=str, indent=2)


class Topology(Protocol):
    """What a session brings up: a fabric, and what the files of its run directory are to say."""

    @property
    def fabric(self) -> Fabric:
        """Hosts, switches and cables."""

    @property
    def summary(self) -> str:
        """How many nodes of which kind, for the user."""

    def to_json(self) -> str:
        """The topology as a JSON object."""


def from_fields(root: Fields) -> Fabric:
    """The fabric in a JSON object. Raises TopologyError."""
    return Fabric(
        name=root.text("name"),
        hosts=tuple(_host(f) for f in root.objects("hosts")),
        switches=tuple(root.texts("switches")),
        cables=tuple(_cable(f) for f in root.objects("cables")),
    )


def _host(f: Fields) -> Host:
    neighbours = tuple((IPv4Address(ip), mac) for ip, mac in f.text_pairs("neighbours"))
    return Host(
        name=f.text("name"),
        interface=f.text("interface"),
        address=f.interface("address"),
        mac=f.text("mac"),
        neighbours=neighbours,
        commands=tuple(f.texts("commands")),
    )


def _cable(f: Fields) -> Cable:
    shape = f.child("shape")
    rate = None if shape.is_null("rate_mbit") else shape.real("rate_mbit")
    made = Shape(shape.real("delay_ms"), rate, shape.flag("at_ends"))
    return Cable(_end(f.child("first")), _end(f.child("second")), made)


def _end(f: Fields) -> End:
    return End(f.text("node"), f.text("interface"), f.number("port"))
