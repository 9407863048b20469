"""Delay and rate of a cable.

A frame that XDP redirects to an interface passes no queueing discipline there. So a shaped cable has a middle: two
interfaces in a namespace of their own, each of which sends what the other one receives, through queues.
"""

from __future__ import annotations

import subprocess
from functools import cache

from rackplane.topologies.fabric import Cable

_QUEUE_PACKETS = 100
_MIN_BURST = 2 * 1514


def middle(cable: Cable) -> tuple[str, str]:
    """The names of the two interfaces in the cable's middle, the first end's first."""
    name = cable.second.interface
    return f"{name[:13]}.a", f"{name[:13]}.b"


def commands(cable: Cable) -> list[str]:
    """What tc(8) is to do in the namespace of the middle."""
    first, second = middle(cable)
    lines = [line for end, other in ((first, second), (second, first)) for line in _forward(end, other)]
    return [*lines, *_queue(first, cable), *_queue(second, cable)]


def _forward(end: str, other: str) -> list[str]:
    filtered = f"filter add dev {end} parent ffff: protocol all u32 match u32 0 0"
    return [f"qdisc add dev {end} ingress", f"{filtered} action mirred egress redirect dev {other}"]


def _queue(end: str, cable: Cable) -> list[str]:
    shape, lines, parent = cable.shape, [], "root"
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
        lines.append(f"qdisc add dev {end} {parent} pfifo limit {_QUEUE_PACKETS}")
    return lines


@cache
def has_netem() -> bool:
    """Whether the kernel can delay frames."""
    probe = ["unshare", "-n", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
