"""Looking at a running rack from outside: programs on its hosts, pings, counters of its cables."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from rackplane.topologies.fabric import End
from rackplane.topologies.processes import marked_environment
from rackplane.topologies.state import RackState

_INTERFACES = Path("/sys/class/net")
_ROUND_TRIP = re.compile(r"= [\d.]+/([\d.]+)/")
_RECEIVED = re.compile(r"(\d+) received")


@dataclass(frozen=True)
class Ping:
    """Echo requests from one host to another: how many came back, and the mean round trip in milliseconds."""

    source: str
    target: str
    sent: int
    received: int
    mean_ms: float | None

    @property
    def ok(self) -> bool:
        """Whether all came back."""
        return self.received == self.sent


@dataclass(frozen=True)
class LinkCount:
    """What a switch port has received and sent, by the kernel's count. `peer` is the other end of its cable."""

    end: End
    peer: End
    up: bool
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int


def host_command(state: RackState, host: str, command: Sequence[str]) -> list[str]:
    """The command that runs `command` in the namespaces of a host. Raises TopologyError."""
    return ["mnexec", "-a", str(state.host_pid(host)), *command]


def popen(  # noqa: PLR0913 (subprocess.Popen's own parameters)
    state: RackState,
    host: str,
    command: Sequence[str],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | IO[str] | None = None,
) -> subprocess.Popen[str]:
    """Start a program on a host, marked as belonging to the rack, so that it ends with the rack.

    Raises TopologyError.
    """
    return subprocess.Popen(
        host_command(state, host, command),
        env=marked_environment(state.mark),
        text=True,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )


def ping(state: RackState, source: str, target: str, count: int = 1, wait: int = 1) -> Ping:
    """Ping a host from another one, `wait` seconds for the last answer. Raises TopologyError."""
    address = str(state.fabric.host(target).address.ip)
    return replace(ping_address(state, source, address, count, wait), target=target)


def ping_address(state: RackState, source: str, address: str, count: int = 1, wait: int = 1) -> Ping:
    """Ping any address from a host. Raises TopologyError."""
    command = ["ping", "-n", "-q", "-c", str(count), "-i", "0.01", "-W", str(wait), address]
    with popen(state, source, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        text = process.communicate()[0]
    return parse_ping(source, address, count, text)


def parse_ping(source: str, target: str, count: int, text: str) -> Ping:
    """The summary that ping(8) prints at its end."""
    received, mean = _RECEIVED.search(text), _ROUND_TRIP.search(text)
    return Ping(
        source, target, count, int(received.group(1)) if received else 0, float(mean.group(1)) if mean else None
    )


def ping_all(state: RackState) -> Iterator[Ping]:
    """Ping every host from every other one. Raises TopologyError."""
    for source in state.fabric.hosts:
        for target in state.fabric.hosts:
            if source is not target:
                yield ping(state, source.name, target.name)


def link_counts(state: RackState) -> list[LinkCount]:
    """The kernel's counters of all switch ports, by switch and port."""
    pairs = [pair for c in state.fabric.cables for pair in ((c.first, c.second), (c.second, c.first))]
    ports = [(end, peer) for end, peer in pairs if end.node in state.fabric.switches]
    return [_count(end, peer) for end, peer in sorted(ports, key=lambda pair: (pair[0].node, pair[0].port))]


def _count(end: End, peer: End) -> LinkCount:
    place = _INTERFACES / end.interface

    def read(name: str) -> int:
        try:
            return int((place / "statistics" / name).read_text())
        except OSError:
            return 0

    try:
        up = (place / "operstate").read_text().strip() == "up"
    except OSError:
        up = False
    return LinkCount(end, peer, up, read("rx_packets"), read("rx_bytes"), read("tx_packets"), read("tx_bytes"))
