"""The two kinds of cables of a test, in the network namespace of the calling thread."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from typing import Protocol

from pyroute2 import IPRoute  # type: ignore[import-untyped]

from rackplane.switch import frames, links
from rackplane.switch.errors import PortError

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
# struct tun_pi: flags and protocol, in front of every packet; the protocol is the local experimental EtherType.
_PACKET_INFO = struct.pack("!HH", 0, 0x88B5)
_MAX_PACKET = 65535 + len(_PACKET_INFO)


class Cable(Protocol):
    """A cable whose near end is the switch's interface."""

    def fileno(self) -> int:
        """What to wait on for arriving packets."""
        ...

    def send(self, packet: bytes) -> None:
        """Send a packet towards the switch."""
        ...

    def receive(self) -> bytes:
        """The next packet from the switch; BlockingIOError when there is none at the moment."""
        ...

    def close(self) -> None:
        """Remove the cable."""
        ...


class VethCable:
    """A veth pair with a raw socket on its far end: carries frames of 14 bytes and more."""

    def __init__(self, near: str, far: str) -> None:
        self._near = near
        with IPRoute() as route:
            route.link("add", ifname=near, kind="veth", peer={"ifname": far})
        for name in (near, far):
            links.silence(name)
            links.set_up(name)
        links.prepare_host_end(far)
        self._socket: socket.socket = frames.open_socket(far)

    def fileno(self) -> int:
        """See Cable."""
        return self._socket.fileno()

    def send(self, packet: bytes) -> None:
        """See Cable."""
        self._socket.send(packet)

    def receive(self) -> bytes:
        """See Cable."""
        return frames.receive(self._socket)

    def close(self) -> None:
        """See Cable."""
        self._socket.close()
        with IPRoute() as route:
            for index in route.link_lookup(ifname=self._near):
                route.link("del", index=index)


class TunCable:
    """A TUN interface: carries packets of any length, to a switch that takes what a packet socket gives."""

    def __init__(self, near: str) -> None:
        self._fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._fd, _TUNSETIFF, struct.pack("16sH22x", near.encode(), _IFF_TUN))
            links.silence(near)
            links.set_up(near)
        except OSError as e:
            self.close()
            raise PortError(f"cannot make the TUN interface {near}: {os.strerror(e.errno or errno.EIO)}") from e

    def fileno(self) -> int:
        """See Cable."""
        return self._fd

    def send(self, packet: bytes) -> None:
        """See Cable."""
        os.write(self._fd, _PACKET_INFO + packet)

    def receive(self) -> bytes:
        """See Cable."""
        return os.read(self._fd, _MAX_PACKET)[len(_PACKET_INFO) :]

    def close(self) -> None:
        """See Cable; the interface goes with its last user."""
        os.close(self._fd)
