"""The CPU port: a veth pair whose one end is a port of the switch; this process reads and writes the other.

The far end lives in a network namespace without a name, which only a socket of this process keeps alive. However
the process ends, the kernel then removes the namespace, and with it both ends of the pair.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
from dataclasses import dataclass

from pyroute2 import IPRoute  # type: ignore[import-untyped]
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]

from rackplane.switch import frames, libbpf, links, netns
from rackplane.switch.errors import PortError

log = logging.getLogger(__name__)

MIN_FRAME = 14
# As much as a veth end with an XDP program takes in a page: a frame from a port has a controller header in front.
MTU = 3400
_FAR_NAME = "cpu"
_XDP_PASS = 2


@dataclass
class _FarEnd:
    socket: socket.socket
    link_fd: int


class CpuPort:
    """A made CPU port: `interface` is its end in this namespace."""

    def __init__(self) -> None:
        self.interface = f"rpcpu{secrets.token_hex(4)}"
        self._far = self._create()

    @property
    def socket(self) -> socket.socket:
        """The non-blocking socket on the far end, for an event loop to watch."""
        return self._far.socket

    def receive(self) -> bytes | None:
        """Return a frame that the switch sent to the CPU, or None when there is none at the moment."""
        try:
            return frames.receive(self._far.socket)
        except BlockingIOError:
            return None

    def send(self, frame: bytes) -> None:
        """Let a frame enter the switch by the CPU port; raise PortError."""
        if not MIN_FRAME <= len(frame) <= frames.MAX_FRAME:
            raise PortError(
                f"a frame of {len(frame)} bytes cannot be sent: {MIN_FRAME} to {frames.MAX_FRAME} bytes can"
            )
        try:
            self._far.socket.send(frame)
        except BlockingIOError as e:
            raise PortError("the CPU port's queue is full") from e
        except OSError as e:
            raise PortError(f"the frame of {len(frame)} bytes cannot be sent to the CPU port: {e.strerror}") from e

    def close(self) -> None:
        """Remove the pair."""
        os.close(self._far.link_fd)
        self._far.socket.close()
        with contextlib.suppress(NetlinkError), IPRoute() as route:
            index = route.link_lookup(ifname=self.interface)
            if index:
                route.link("del", index=index[0])

    def _create(self) -> _FarEnd:
        namespace_fd = netns.run_in_new(_open_namespace)
        try:
            with IPRoute() as route:
                peer = {"ifname": _FAR_NAME, "net_ns_fd": namespace_fd, "mtu": MTU}
                route.link("add", ifname=self.interface, kind="veth", mtu=MTU, peer=peer)
            return netns.run_in_fd(namespace_fd, _open_far_end)
        except NetlinkError as e:
            raise PortError(f"cannot make the CPU port's pair {self.interface}: {e}") from e
        finally:
            os.close(namespace_fd)


def _open_namespace() -> int:
    return os.open(netns.current(), os.O_RDONLY | os.O_CLOEXEC)


def _open_far_end() -> _FarEnd:
    """Runs inside the namespace. An XDP program that passes everything gives the end NAPI without coalescing."""
    links.silence(_FAR_NAME)
    program = libbpf.load_xdp_return(_XDP_PASS)
    try:
        link_fd = libbpf.create_xdp_link(program, links.index_of(_FAR_NAME), libbpf.XDP_FLAGS_DRV_MODE)
    finally:
        os.close(program)
    links.set_up(_FAR_NAME)
    return _FarEnd(frames.open_socket(_FAR_NAME), link_fd)
