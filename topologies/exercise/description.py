"""topology.json of the P4 tutorials as data: hosts, several switches with a program and entries each, links.

The format is what the tutorials' run_exercise.py reads. Paths in the file are relative to the folder of the
exercise, which is that of the file or the one above.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface
from pathlib import Path

from rackplane.topologies.exercise.programs import ProgramChoice
from rackplane.topologies.fabric import Cable, End, Fabric, Host, Shape
from rackplane.topologies.fields import Fields, TopologyError, read_json
from rackplane.topologies.rack import DEFAULT_NAME, check_name

HOST_INTERFACE = "eth0"
MAX_NODES = 64
MAX_PORT = 509
_DEFAULT_PREFIX = 8
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_PORT = re.compile(r"([a-z][a-z0-9]*)-p(\d+)")
_DELAY = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s)?")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, None: 1.0}


@dataclass(frozen=True)
class SwitchSpec:
    """A switch: the program that it starts with, and the files that say what its tables hold."""

    name: str
    device_id: int
    program: Path | None
    runtime: Path | None
    commands: Path | None
    cpu_port: int | None


@dataclass(frozen=True)
class Exercise:
    """A validated topology: its fabric, and what runs on each switch of it."""

    fabric: Fabric
    switches: tuple[SwitchSpec, ...]

    @property
    def summary(self) -> str:
        """How many nodes of which kind."""
        return f"{len(self.fabric.hosts)} hosts and {len(self.switches)} switches"

    def to_json(self) -> str:
        """The fabric as a JSON object."""
        return self.fabric.to_json()


def read_exercise(
    file: Path, name: str = DEFAULT_NAME, programs: Sequence[str] = (), *, at_ends: bool = False
) -> Exercise:
    """Read a topology file; `programs` are FILE.p4 or SWITCH=FILE.p4. Raises TopologyError with the JSON path.

    `at_ends` is where links are shaped (fabric.Shape).
    """
    check_name(name)
    root = Fields(read_json(file), f"{file}: $")
    hosts, switches = root.child("hosts"), root.child("switches")
    _check_nodes(root, list(hosts), list(switches))
    laid = _cables(root, list(hosts), list(switches), name)
    cables = tuple(replace(c, shape=replace(c.shape, at_ends=at_ends and c.shape.shapes)) for c in laid)
    made = tuple(_host(hosts.child(host), host) for host in hosts)
    _check_cables(root, cables, list(hosts))
    fabric = Fabric(name, made, tuple(switches), cables)
    choice = ProgramChoice.of(file, programs, list(switches))
    specs = tuple(_switch(switches.child(s), s, number, choice) for number, s in enumerate(switches))
    return Exercise(fabric, specs)


def _check_nodes(root: Fields, hosts: list[str], switches: list[str]) -> None:
    for kind, names in (("hosts", hosts), ("switches", switches)):
        if not 1 <= len(names) <= MAX_NODES:
            raise TopologyError(f"{root.place(kind)} has {len(names)} names: 1 to {MAX_NODES} are possible")
        for name in names:
            try:
                check_name(name)
            except TopologyError as error:
                raise TopologyError(f"{root.place(kind)}: {error}") from error
    if both := sorted(set(hosts) & set(switches)):
        raise TopologyError(f"{root.place('switches')}: {both[0]!r} is a host's name too")


def _host(f: Fields, name: str) -> Host:
    address, mac = f.interface("ip"), f.text("mac").lower()
    if "/" not in f.text("ip"):
        address = IPv4Interface(f"{address.ip}/{_DEFAULT_PREFIX}")
    if not _MAC.fullmatch(mac):
        raise TopologyError(f"{f.place('mac')} must be a MAC address such as 08:00:00:00:01:11, not {mac!r}")
    commands = () if f.is_null("commands") else tuple(f.texts("commands"))
    return Host(name, HOST_INTERFACE, address, mac, commands=commands)


def _switch(f: Fields, name: str, number: int, choice: ProgramChoice) -> SwitchSpec:
    runtime = _file(f, "runtime_json", choice)
    commands = _file(f, "cli_input", choice)
    named = None if f.is_null("program") else f.text("program")
    program = choice.for_switch(name, runtime, named, f.place("program"))
    if program is None and (runtime or commands):
        raise TopologyError(
            f"{f.place('program')}: no P4 program is known for {name}: give it with --program FILE.p4"
        )
    return SwitchSpec(name, number, program, runtime, commands, _cpu_port(f))


def _file(f: Fields, key: str, choice: ProgramChoice) -> Path | None:
    if f.is_null(key):
        return None
    found = choice.find(f.text(key))
    if found is None:
        folders = " or ".join(str(folder) for folder in choice.folders)
        raise TopologyError(f"{f.place(key)}: there is no file {f.text(key)!r} in {folders}")
    return found


def _cpu_port(f: Fields) -> int | None:
    """The tutorials write this number as a string."""
    value = f.value("cpu_port")
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 511:
        raise TopologyError(f"{f.place('cpu_port')} must be a port from 1 to 511, not {value!r}")
    return number


def _cables(root: Fields, hosts: list[str], switches: list[str], rack: str) -> Iterable[Cable]:
    for index, item in enumerate(root.items("links")):
        place = f"{root.place('links')}[{index}]"
        if not isinstance(item, list) or not 2 <= len(item) <= 4:
            raise TopologyError(
                f"{place} must be [END, END, LATENCY, BANDWIDTH], the last two as you wish: {item!r}"
            )
        first, second = (_end(part, f"{place}[{n}]", hosts, switches, rack) for n, part in enumerate(item[:2]))
        if first.node in switches and second.node in hosts:
            first, second = second, first
        if second.node not in switches:
            raise TopologyError(
                f"{place} joins two hosts: one end of a link must be a switch's port, such as s1-p1"
            )
        delay = _delay(item[2], f"{place}[2]") if len(item) > 2 else 0.0
        yield Cable(first, second, Shape(delay, _rate(item[3], f"{place}[3]") if len(item) > 3 else None))


def _end(value: object, place: str, hosts: list[str], switches: list[str], rack: str) -> End:
    if value in hosts:
        return End(str(value), HOST_INTERFACE)
    match = _PORT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] not in switches:
        raise TopologyError(f"{place} must be a host or a switch's port such as s1-p1, not {value!r}")
    port = int(match[2])
    if not 1 <= port <= MAX_PORT:
        raise TopologyError(f"{place}: switch ports have the numbers 1 to {MAX_PORT}, not {port}")
    prefix = "" if rack == DEFAULT_NAME else rack
    return End(match[1], f"{prefix}{match[1]}-eth{port}", port)


def _delay(value: object, place: str) -> float:
    """Milliseconds; a text may have the unit us, ms or s."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 60_000:
        return float(value)
    match = _DELAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) * _MS[match[2]] > 60_000:
        raise TopologyError(f'{place} must be a latency of 0 to 60 s such as 10, "10ms" or "500us", not {value!r}')
    return float(match[1]) * _MS[match[2]]


def _rate(value: object, place: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0.001 <= value <= 100_000:
        raise TopologyError(f"{place} must be a bandwidth in Mbit/s, 0.001 to 100000, not {value!r}")
    return float(value)


def _check_cables(root: Fields, cables: Sequence[Cable], hosts: list[str]) -> None:
    ends = [end for cable in cables for end in (cable.first, cable.second)]
    names = [end.node if end.node in hosts else f"{end.node}-p{end.port}" for end in ends]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TopologyError(f"{root.place('links')}: {twice[0]} is an end of two links")
    if alone := [host for host in hosts if host not in names]:
        raise TopologyError(f"{root.place('links')}: the host {alone[0]} has no link")
