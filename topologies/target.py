"""The target that a rack's switches are of."""

from __future__ import annotations

from rackplane.switch import targets
from rackplane.switch.errors import SwitchError
from rackplane.switch.target import Target
from rackplane.topologies.errors import LaunchError


def usable_target(name: str) -> Target:
    """The target `name`, xdp or bmv2. Raises LaunchError if it cannot run here."""
    try:
        chosen = targets.by_name(name)
        chosen.check()
    except SwitchError as error:
        raise LaunchError(str(error)) from error
    return chosen
