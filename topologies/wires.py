"""Delay and rate of a cable.

A frame that XDP redirects to an interface passes no queueing discipline there. So a cable that is not shaped at its
ends has a middle: two interfaces in a namespace of their own, each of which sends through queues what the other one
receives.
"""

from __future__ import annotations

import subprocess
from functools import cache

from rackplane.topologies.fabric import Cable, Shape

_QUEUE_PACKETS = 100
_AT_END_PACKETS = 1000
"""A sender's socket is full before such a queue is: it waits, and loses nothing."""
_MIN_BURST = 2 * 1514


def middle(cable: Cable) -> tuple[str, str]:
    """The names of the two interfaces in the cable's middle, the first end's first."""
    name = cable.second.interface
    return f"{name[:13]}.a", f"{name[:13]}.b"


def commands(cable: Cable) -> list[str]:
    """What tc(8) is to do in the namespace of the middle."""
    first, second = middle(cable)
    lines = [line for end, other in ((first, second), (second, first)) for line in _forward(end, other)]
    return [*lines, *queue(first, cable.shape), *queue(second, cable.shape)]


def _forward(end: str, other: str) -> list[str]:
    filtered = f"filter add dev {end} parent ffff: protocol all u32 match u32 0 0"
    return [f"qdisc add dev {end} ingress", f"{filtered} action mirred egress redirect dev {other}"]


def queue(end: str, shape: Shape) -> list[str]:
    """What tc(8) is to do at an interface that sends."""
    lines, parent = [], "root"
    if shape.rate_mbit is not None:
        bits = round(shape.rate_mbit * 1e6)
        burst = max(_MIN_BURST, bits // 8 // 100)
        lines += [
            f"qdisc add dev {end} root handle 1: htb default 1",
            f"class add dev {end} parent 1: classid 1:1 htb rate {bits}bit burst {burst} cburst {burst}",
        ]
        parent = "parent 1:1"
    if shape.delay_ms > 0 and has_netem():
        # All that is under way at once has to fit, or the delay would be a rate.
        lines.append(f"qdisc add dev {end} {parent} netem delay {shape.delay_ms:g}ms limit {1000 * _QUEUE_PACKETS}")
    elif shape.rate_mbit is not None:
        limit = _AT_END_PACKETS if shape.at_ends else _QUEUE_PACKETS
        lines.append(f"qdisc add dev {end} {parent} pfifo limit {limit}")
    return lines


@cache
def has_netem() -> bool:
    """Whether the kernel can delay frames."""
    probe = ["unshare", "-n", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
