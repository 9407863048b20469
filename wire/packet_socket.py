"""Frames on an interface, through an AF_PACKET socket: the edge of this room."""

from __future__ import annotations

import ctypes
import fcntl
import select
import socket
import struct
import time
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from rackplane.wire.errors import TransportError
from rackplane.wire.generated.rack_headers import ETHERTYPE_IPV4, UDP_PORT_ROCE
from rackplane.wire.packet import Endpoint

_SIOCGIFADDR = 0x8915
_SO_ATTACH_FILTER = 26
_RECEIVE_BUFFER = 4 << 20
_MAX_FRAME = 2048
_ADDRESS_IN_IFREQ = slice(20, 24)


class PacketSocket:
    """Sends and receives whole frames. Raises TransportError.

    A second socket takes the UDP port of RoCE and drops all that comes, or the host would answer every answer with
    ICMP "port unreachable".
    """

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self._sink: socket.socket | None = None
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            raise TransportError("a packet socket needs root or CAP_NET_RAW") from error
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            self._socket.bind((interface, ETHERTYPE_IPV4))
            self._socket.setblocking(False)
            self._sink = _sink()
        except OSError as error:
            self.close()
            raise TransportError(f"cannot open interface {interface} for packets: {error}") from error

    def endpoint(self) -> Endpoint:
        """The interface's own MAC and IPv4 address."""
        mac = int.from_bytes(self._socket.getsockname()[4], "big")
        request = struct.pack("16s24x", self.interface.encode())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
            try:
                found = fcntl.ioctl(query, _SIOCGIFADDR, request)
            except OSError as error:
                raise TransportError(f"interface {self.interface} has no IPv4 address: {error}") from error
        return Endpoint(mac, IPv4Address(found[_ADDRESS_IN_IFREQ]))

    def send(self, frame: bytes) -> None:
        """Send one frame; one for which there is no room is lost, as on any link. Raises TransportError."""
        try:
            self._socket.send(frame)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            raise TransportError(f"cannot send on {self.interface}: {error}") from error

    def receive(self, until: float) -> bytes | None:
        """The next frame, waiting for it until a time.monotonic(); None when none comes. Raises TransportError."""
        while True:
            try:
                return self._socket.recv(_MAX_FRAME)
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                    return None
            except OSError as error:
                raise TransportError(f"cannot receive on {self.interface}: {error}") from error

    def close(self) -> None:
        """Close both sockets."""
        self._socket.close()
        if self._sink is not None:
            self._sink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sink() -> socket.socket | None:
    """A UDP socket at RoCE's port whose filter drops everything; None where another process has one."""
    drop_all = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(drop_all))
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    try:
        sink.bind(("", UDP_PORT_ROCE))
    except OSError:
        sink.close()
        return None
    return sink
