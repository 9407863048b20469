"""Settings of network interfaces: up, offloads, IPv6. They act in the calling thread's network namespace.

A frame that XDP redirects into a veth pair arrives only if the receiving end runs NAPI: it has an XDP program, or
generic receive offload is on. Transmit checksum offload must be off at the ends of hosts: the switch forwards
frames as they are, and a checksum that was left to hardware is never filled in.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct
from pathlib import Path

from rackplane.switch.errors import PortError

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCETHTOOL = 0x8946
_IFF_UP = 0x1
_IFF_RUNNING = 0x40
_ETHTOOL_SET_TX_CHECKSUM = 0x17
_ETHTOOL_SET_GRO = 0x2C
_ETHTOOL_SET_CHANNELS = 0x3D
_NAME_LIMIT = 15


def index_of(name: str) -> int:
    """Return an interface's index; PortError when there is none of that name."""
    try:
        return socket.if_nametoindex(name)
    except OSError as e:
        raise PortError(f"there is no interface {name} here: create it, or check the name with `ip link`") from e


def is_running(name: str) -> bool:
    """Whether the interface is up and its link carries frames."""
    request = struct.pack("16sH14x", _name(name), 0)
    flags: int = struct.unpack("16sH14x", _ioctl(name, _SIOCGIFFLAGS, request, "read the flags of"))[1]
    return flags & (_IFF_UP | _IFF_RUNNING) == _IFF_UP | _IFF_RUNNING


def set_up(name: str) -> None:
    """Bring the interface up."""
    request = struct.pack("16sH14x", _name(name), 0)
    flags = struct.unpack("16sH14x", _ioctl(name, _SIOCGIFFLAGS, request, "read the flags of"))[1]
    _ioctl(name, _SIOCSIFFLAGS, struct.pack("16sH14x", _name(name), flags | _IFF_UP), "bring up")


def prepare_host_end(name: str) -> None:
    """Make an interface fit to be a host's end of a link to the switch: receive offload on, tx checksum off."""
    _ethtool(name, _ETHTOOL_SET_GRO, 1, "turn on generic receive offload of")
    _ethtool(name, _ETHTOOL_SET_TX_CHECKSUM, 0, "turn off transmit checksum offload of")


def set_receive_queues(name: str, count: int) -> None:
    """Let a veth end have this many receive queues, and one transmit queue (struct ethtool_channels)."""
    maxima, others = (0, 0, 0, 0), (0, 0)
    data = array.array("I", [_ETHTOOL_SET_CHANNELS, *maxima, count, 1, *others])
    address, _ = data.buffer_info()
    request = struct.pack("16sP8x", _name(name), address)
    _ioctl(name, _SIOCETHTOOL, request, f"give {count} receive queues to")


def silence(name: str) -> None:
    """Keep the kernel's own IPv6 chatter off an interface (where the kernel has IPv6)."""
    with contextlib.suppress(FileNotFoundError):
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")


def _name(name: str) -> bytes:
    encoded = name.encode()
    if not 0 < len(encoded) <= _NAME_LIMIT:
        raise PortError(f"{name!r} cannot be an interface: names have 1 to {_NAME_LIMIT} bytes")
    return encoded


def _ethtool(name: str, command: int, value: int, what: str) -> None:
    data = array.array("I", [command, value])
    address, _ = data.buffer_info()
    _ioctl(name, _SIOCETHTOOL, struct.pack("16sP8x", _name(name), address), what)


def _ioctl(name: str, code: int, request: bytes, what: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            return fcntl.ioctl(s.fileno(), code, request)
        except OSError as e:
            raise PortError(f"cannot {what} {name}: {e.strerror}") from e
