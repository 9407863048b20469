"""TCP ports that racks of one machine share out among themselves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from rackplane.topologies.errors import LaunchError

_TRIES = 100


@contextmanager
def claimed_port(preferred: int) -> Iterator[int]:
    """A port of the loopback interface that nobody listens on: `preferred`, or any.

    No other rack gets it within the block, even while nobody listens on it yet: an abstract socket, named after the
    number, stands for the claim, and ends with this process however that ends. Raises LaunchError.
    """
    for number in (preferred, *[0] * _TRIES):
        port = _unused(number)
        if port is None:
            continue
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0rackplane-port-{port}")
            except OSError:
                continue
            yield port
            return
    raise LaunchError("no TCP port is free on the loopback interface")


def _unused(number: int) -> int | None:
    """`number` if it can be bound (0: any number that can), else None."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return None
        port: int = probe.getsockname()[1]
        return port
