"""The cables of a test and what came over them, in the network namespace of the calling thread."""

from __future__ import annotations

import contextlib
import secrets
import select
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import TracebackType

from rackplane.switch.errors import PortError
from rackplane.switch.stf.cables import Cable, TunCable, VethCable

MIN_FRAME = 14


class Testbed:
    """`near` has the switch's interface per port. Removes the cables at exit.

    Every frame carries `lead` bytes in front of the packet that is meant: how packets shorter than an Ethernet
    header cross a link, with a program that was compiled for it. `any_length`: the cables are TUN
    interfaces instead, for a switch that reads its ports by packet sockets.
    """

    __test__ = False

    def __init__(self, ports: Iterable[int], lead: int = 0, *, any_length: bool = False) -> None:
        self._lead = lead
        self._least = 1 if any_length else MIN_FRAME
        self._any_length = any_length
        tag = secrets.token_hex(3)
        self.near = {port: f"t{tag}s{port}" for port in sorted(set(ports))}
        self._far = {port: f"t{tag}h{port}" for port in self.near}
        self._cables: dict[int, Cable] = {}
        self._poll = select.poll()
        self.received: dict[int, list[bytes]] = defaultdict(list)

    def __enter__(self) -> Testbed:
        try:
            for port, near in self.near.items():
                made: Cable = TunCable(near) if self._any_length else VethCable(near, self._far[port])
                self._cables[port] = made
                self._poll.register(made.fileno(), select.POLLIN)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for cable in self._cables.values():
            cable.close()
        self._cables.clear()

    def send(self, port: int, frame: bytes) -> None:
        """Send a packet into a port. Raises PortError for packets that the link does not take."""
        if len(frame) + self._lead < self._least:
            raise PortError(f"a link carries no packet of {len(frame)} bytes: {self._least} is the least")
        self._cables[port].send(bytes(self._lead) + frame)

    def collect(self, quiet: float, limit: float, enough: Mapping[int, int] | None = None) -> None:
        """Put arriving frames into `received` until none has come for `quiet` seconds, at most `limit` seconds.

        With `enough` (frames in total per port), waiting for the first silence goes on until they are there.
        """
        ports = {cable.fileno(): port for port, cable in self._cables.items()}
        end = time.monotonic() + limit
        last = time.monotonic()
        while (now := time.monotonic()) < end:
            missing = enough is not None and any(len(self.received[p]) < n for p, n in enough.items())
            if now - last >= quiet and not missing:
                return
            for fd, _ in self._poll.poll(1000 * quiet / 4):
                last = time.monotonic()
                self._receive(ports[fd])

    def _receive(self, port: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.received[port].append(self._cables[port].receive()[self._lead :])
