"""Which ports are up: what members of groups that watch a port depend on."""

from __future__ import annotations

from collections.abc import Mapping

from rackplane.switch import links
from rackplane.switch.errors import PortError
from rackplane.switch.ports import Port


class PortStates:
    """The ports of a switch as they were at the last refresh()."""

    def __init__(self, ports: Mapping[int, Port]) -> None:
        self._ports = ports
        self._up: dict[int, bool] = {}

    def exists(self, number: int) -> bool:
        """Whether the switch has a port of that number."""
        return number in self._ports

    def is_up(self, number: int) -> bool:
        """Whether a port's link carries frames."""
        if number not in self._up:
            self._up[number] = self._look(number)
        return self._up[number]

    def refresh(self) -> frozenset[int]:
        """Look at every port that was asked for; return those that changed."""
        before, self._up = self._up, {number: self._look(number) for number in self._up}
        return frozenset(number for number, up in self._up.items() if up != before[number])

    def _look(self, number: int) -> bool:
        port = self._ports.get(number)
        if port is None or not port.exists:
            return False
        try:
            return links.is_running(port.interface)
        except PortError:
            return False
