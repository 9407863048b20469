"""The cables of a test: a veth pair per port, in the network namespace of the calling thread.

The near end is the switch's; a raw socket on the far end sends and receives whole frames.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import TracebackType

from pyroute2 import IPRoute  # type: ignore[import-untyped]

from rackplane.switch import frames, links
from rackplane.switch.errors import PortError

MIN_FRAME = 14


class Testbed:
    """`near` has the switch's interface per port. Removes the pairs at exit.

    Every frame carries `lead` bytes in front of the packet that is meant: how packets shorter than an Ethernet
    header cross a link, with a program that was compiled for it.
    """

    __test__ = False

    def __init__(self, ports: Iterable[int], lead: int = 0) -> None:
        self._lead = lead
        tag = secrets.token_hex(3)
        numbers = sorted(set(ports))
        self.near = {port: f"t{tag}s{port}" for port in numbers}
        self._far = {port: f"t{tag}h{port}" for port in numbers}
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self.received: dict[int, list[bytes]] = defaultdict(list)

    def __enter__(self) -> Testbed:
        with IPRoute() as route:
            for port, near in self.near.items():
                route.link("add", ifname=near, kind="veth", peer={"ifname": self._far[port]})
        for port, far in self._far.items():
            for name in (self.near[port], far):
                links.silence(name)
                links.set_up(name)
            links.prepare_host_end(far)
            self._sockets[port] = frames.open_socket(far)
            self._poll.register(self._sockets[port], select.POLLIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for opened in self._sockets.values():
            opened.close()
        with IPRoute() as route:
            for name in self.near.values():
                for index in route.link_lookup(ifname=name):
                    route.link("del", index=index)

    def send(self, port: int, frame: bytes) -> None:
        """Send a packet into a port. Raises PortError for packets that the link does not take."""
        if len(frame) + self._lead < MIN_FRAME:
            raise PortError(f"a link carries no packet of {len(frame)} bytes: {MIN_FRAME} is the least")
        self._sockets[port].send(bytes(self._lead) + frame)

    def collect(self, quiet: float, limit: float, enough: Mapping[int, int] | None = None) -> None:
        """Put arriving frames into `received` until none has come for `quiet` seconds, at most `limit` seconds.

        With `enough` (frames in total per port), waiting for the first silence goes on until they are there.
        """
        ports = {opened.fileno(): port for port, opened in self._sockets.items()}
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
                self.received[port].append(frames.receive(self._sockets[port])[self._lead :])
