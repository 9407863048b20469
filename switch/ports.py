"""The switch's ports: an XDP program on each interface, and the tables that translate port <-> interface.

The program is attached by a link that this process holds open: when the process ends in any way, the kernel
detaches the program. A new program replaces the old one on each port without a gap.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from rackplane.switch import libbpf, links
from rackplane.switch.errors import BpfError, PortError
from rackplane.switch.libbpf import XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE
from rackplane.switch.maps import BpfMap, SharedMemory

log = logging.getLogger(__name__)

_XDP_DROP = 1


@dataclass(frozen=True)
class Port:
    """A port of the switch: its number in P4, and the interface that carries it."""

    number: int
    interface: str
    ifindex: int

    @property
    def exists(self) -> bool:
        """Whether the interface is still there; its host may have gone, and the link with it."""
        try:
            return socket.if_indextoname(self.ifindex) == self.interface
        except OSError:
            return False


@dataclass
class _Attached:
    port: Port
    link_fd: int


class Ports:
    """All ports of a switch. Until run() is called they drop what they receive."""

    def __init__(self, interfaces: Mapping[int, str]) -> None:
        self.ports = {n: Port(n, name, links.index_of(name)) for n, name in interfaces.items()}
        _check_distinct(self.ports)
        self._attached: list[_Attached] = []

    def attach(self) -> None:
        """Bring every interface up and attach a program that drops, so that no frame reaches the host's stack."""
        drop = libbpf.load_xdp_return(_XDP_DROP)
        try:
            for port in self.ports.values():
                links.silence(port.interface)
                links.set_up(port.interface)
                self._attached.append(_Attached(port, _attach(port, drop)))
        except Exception:
            self.close()
            raise
        finally:
            os.close(drop)

    def run(self, program_fd: int) -> None:
        """Let every port run this program from now on."""
        for attached in self._attached:
            try:
                libbpf.update_link(attached.link_fd, program_fd)
            except BpfError as e:
                if attached.port.exists:
                    raise PortError(f"port {attached.port.number} ({attached.port.interface}): {e}") from e
                log.warning("port %d: %s is gone", attached.port.number, attached.port.interface)

    def publish(self, by_ifindex: SharedMemory, tx: BpfMap, max_ports: int, egress_fd: int) -> None:
        """Fill a program's tables: port + 1 by ifindex, and the DEVMAP of unicast output.

        The egress program, when there is one (egress_fd >= 0), is set for unicast too, and must pass unicast
        frames: the kernel keeps one program per device and poll cycle, that of the first frame queued, so that
        copies would lose theirs when they are queued after a unicast frame for the same device.
        """
        table = by_ifindex.words(2, by_ifindex.size // 2)
        for port in self.ports.values():
            if port.ifindex >= len(table):
                raise PortError(
                    f"port {port.number} ({port.interface}) has interface index {port.ifindex}, "
                    f"the program was compiled for indices below {len(table)}"
                )
            if port.number >= max_ports:
                raise PortError(
                    f"port {port.number} is out of range: the program was compiled for {max_ports} ports"
                )
            if not port.exists:
                continue
            table[port.ifindex] = port.number + 1
            tx.put(port.number.to_bytes(4, "little"), device_value(port.ifindex, egress_fd, tx.info.value_size))

    def close(self) -> None:
        """Detach from every interface."""
        for attached in self._attached:
            os.close(attached.link_fd)
        self._attached.clear()


def device_value(ifindex: int, program_fd: int, value_size: int) -> bytes:
    """Return a DEVMAP value: struct bpf_devmap_val, or only the interface index in maps of 4-byte values.

    A negative program_fd means no program.
    """
    if value_size == 4:
        return ifindex.to_bytes(4, "little")
    return ifindex.to_bytes(4, "little") + max(program_fd, 0).to_bytes(4, "little")


def _attach(port: Port, program_fd: int) -> int:
    try:
        return libbpf.create_xdp_link(program_fd, port.ifindex, XDP_FLAGS_DRV_MODE)
    except BpfError as e:
        if e.code == errno.EBUSY:
            raise PortError(
                f"port {port.number}: another XDP program is on {port.interface}; "
                f"remove it with `ip link set {port.interface} xdp off`"
            ) from e
        driver = e
    try:
        link = libbpf.create_xdp_link(program_fd, port.ifindex, XDP_FLAGS_SKB_MODE)
    except BpfError as e:
        raise PortError(f"port {port.number}: XDP cannot be attached to {port.interface}: {e}") from e
    log.warning("port %d: %s runs XDP in generic mode, which is slow (%s)", port.number, port.interface, driver)
    return link


def _check_distinct(ports: Mapping[int, Port]) -> None:
    owner: dict[int, Port] = {}
    for port in ports.values():
        other = owner.setdefault(port.ifindex, port)
        if other is not port:
            raise PortError(f"{port.interface} is both port {other.number} and port {port.number}")
