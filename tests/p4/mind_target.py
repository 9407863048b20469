"""A running mind.p4 with hosts on its ports: the same cases run on both targets.

Hosts are packet sockets on the far ends of veth pairs. `exchange` sends a frame and returns all that came of
it, without waiting for time to pass: behind the frame goes a barrier that every port sees, and ports keep order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import select
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from pyroute2 import IPRoute

from rackplane.control.mind.controller import Controller
from rackplane.control.mind.daemon import Settings, control
from rackplane.control.mind.rack import Rack
from rackplane.switch import links
from rackplane.switch.target import SwitchSetup, Target, free_port, running

T = TypeVar("T")
P4SRC = Path(__file__).resolve().parents[2] / "p4src"
DEVICE_ID = 1
BARRIER_TYPE = 0x88B5
TIMEOUT = 5.0
_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_IGNORE_OUTGOING = 23


class Cables:
    """Veth pairs: `near[port]` is the switch's interface, and a socket is on the far end.

    macs: the hosts that the switch knows, by port. strangers: further ports, whose hosts it does not know.
    """

    def __init__(self, macs: dict[int, str], strangers: tuple[int, ...] = ()) -> None:
        self._macs = {port: bytes.fromhex(mac.replace(":", "")) for port, mac in macs.items()}
        self.ports = ports = [*macs, *strangers]
        tag = secrets.token_hex(3)
        self.near = {port: f"p4{tag}s{port}" for port in ports}
        self._far = {port: f"p4{tag}h{port}" for port in ports}
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._by_fd: dict[int, int] = {}
        self._count = 0

    def __enter__(self) -> Cables:
        with IPRoute() as ip:
            for port in self.ports:
                ip.link("add", ifname=self.near[port], kind="veth", peer={"ifname": self._far[port]})
        for port in self.ports:
            for name in (self.near[port], self._far[port]):
                links.silence(name)
                links.set_up(name)
            links.prepare_host_end(self._far[port])
            self._open(port)
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._sockets.values():
            opened.close()
        with IPRoute() as ip:
            for name in self.near.values():
                for index in ip.link_lookup(ifname=name):
                    ip.link("del", index=index)

    def _open(self, port: int) -> None:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        opened.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.bind((self._far[port], _ETH_P_ALL))
        opened.setblocking(False)
        self._sockets[port] = opened
        self._by_fd[opened.fileno()] = port
        self._poll.register(opened, select.POLLIN)

    def send(self, port: int, data: bytes) -> None:
        """Send a frame into `port`."""
        self._sockets[port].send(data)

    def exchange(self, port: int, data: bytes | None) -> dict[int, list[bytes]]:
        """Send a frame into `port`; return the frames that came out, by port, in order."""
        if data is not None:
            self._sockets[port].send(data)
        return self.collect(port)

    def collect(self, port: int) -> dict[int, list[bytes]]:
        """Send a barrier into `port` and return what comes out of all ports before it."""
        self._count += 1
        mark = BARRIER_TYPE.to_bytes(2, "big") + self._count.to_bytes(8, "big") + bytes(40)
        self._sockets[port].send(b"\xff" * 6 + bytes(6) + mark)
        self._sockets[port].send(self._macs.get(port, bytes(6)) + bytes(6) + mark)
        received: dict[int, list[bytes]] = {}
        missing = set(self._macs)
        deadline = time.monotonic() + TIMEOUT
        while missing:
            left = deadline - time.monotonic()
            assert left > 0, f"ports {sorted(missing)} are silent; came {_counts(received)}"
            for fd, _ in self._poll.poll(left * 1000):
                at = self._by_fd[fd]
                with contextlib.suppress(BlockingIOError):
                    while at in missing or at not in self._macs:
                        got = self._sockets[at].recv(4096)
                        if got[12:22] == mark[:10]:
                            missing.discard(at)
                        elif got[12:14] != mark[:2]:
                            received.setdefault(at, []).append(got)
        return received


def _counts(received: dict[int, list[bytes]]) -> str:
    return ", ".join(f"{len(frames)} at port {port}" for port, frames in received.items()) or "nothing"


@contextlib.contextmanager
def switch(target: Target, cables: Cables, folder: Path) -> Iterator[Settings]:
    """A switch of a target on the cables, and what a control plane needs to program it."""
    program = target.compile(P4SRC / "mind.p4", folder)
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder, DEVICE_ID, cables.near)
    with running(target, setup):
        yield Settings(setup.grpc_address, program.p4info, program.device_config, DEVICE_ID)


class Loop:
    """An event loop in a thread: tests are not asynchronous, the controller is."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="controller")
        self._thread.start()

    def run(self, body: Coroutine[object, object, T], timeout: float = 60) -> T:
        return self.submit(body).result(timeout)

    def submit(self, body: Coroutine[object, object, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(body, self._loop)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextlib.contextmanager
def controlled(settings: Settings, rack: Rack) -> Iterator[tuple[Controller, Loop]]:
    """A controller with the rack's entries installed."""
    loop = Loop()
    context = control(settings, rack)
    try:
        controller = loop.run(context.__aenter__())
        try:
            yield controller, loop
        finally:
            loop.run(context.__aexit__(None, None, None))
    finally:
        loop.close()


def is_root() -> bool:
    return os.geteuid() == 0
