"""The targets by name."""

from __future__ import annotations

from rackplane.switch.bmv2 import Bmv2Target
from rackplane.switch.errors import SwitchError
from rackplane.switch.target import Target
from rackplane.switch.xdp import XdpTarget

NAMES = ("xdp", "bmv2")


def by_name(name: str) -> Target:
    """Return a target; SwitchError names those that exist."""
    targets: dict[str, Target] = {"xdp": XdpTarget(), "bmv2": Bmv2Target()}
    if name not in targets:
        raise SwitchError(f"there is no target {name!r}; there are {' and '.join(NAMES)}")
    return targets[name]
