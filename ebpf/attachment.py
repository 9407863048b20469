"""Programs on interfaces: XDP by link, which ends with its process, and tc ingress."""

from __future__ import annotations

import errno
import os
import socket
from types import TracebackType
from typing import Protocol

from pyroute2 import IPRoute  # type: ignore[import-untyped]
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]

from rackplane.ebpf import bpf_call
from rackplane.ebpf.errors import BpfCallError, InterfaceError

# Where the filter is: ingress of clsact, ETH_P_ALL, first of all.
_PLACE = {"parent": "ffff:fff2", "protocol": 0x0003, "prio": 1}


class Attachment(Protocol):
    """A program on an interface."""

    def close(self) -> None:
        """Take the program off."""


class XdpLink:
    """An XDP program on an interface, until `close` or the end of the process. Raises InterfaceError."""

    def __init__(self, interface: str, program_fd: int) -> None:
        try:
            self._fd = bpf_call.link_xdp(program_fd, interface_index(interface))
        except BpfCallError as error:
            raise InterfaceError(
                f"cannot attach an XDP program to {interface}: {error}; `ip link show {interface}` tells "
                "whether another program is there"
            ) from error

    def close(self) -> None:
        """Take the program off."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> XdpLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TcIngress:
    """A direct-action classifier at an interface's tc ingress, until `close`.

    One that a killed process left behind is replaced. A clsact qdisc that was there stays. Raises InterfaceError.
    """

    def __init__(self, interface: str, program_fd: int, name: str) -> None:
        self._index = interface_index(interface)
        self._own_qdisc = False
        self._attached = False
        self._ip = IPRoute()
        try:
            self._own_qdisc = self._add_qdisc()
            self._ip.tc(
                "replace-filter",
                "bpf",
                self._index,
                ":1",
                fd=program_fd,
                name=name,
                classid=1,
                direct_action=True,
                **_PLACE,
            )
        except NetlinkError as error:
            self.close()
            raise InterfaceError(f"cannot attach a tc program to {interface}: {error}") from error
        self._attached = True

    def _add_qdisc(self) -> bool:
        """Whether there was no clsact qdisc, so that there is one of our own now."""
        try:
            self._ip.tc("add", "clsact", self._index)
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise
            return False
        return True

    def close(self) -> None:
        """Take the program off, and its qdisc if that was not there before."""
        try:
            if self._own_qdisc:
                self._ip.tc("del", "clsact", self._index)
            elif self._attached:
                self._ip.tc("del-filter", "bpf", self._index, ":1", **_PLACE)
        except NetlinkError:
            pass  # the interface has gone, or somebody else has cleaned up
        finally:
            self._own_qdisc = self._attached = False
            self._ip.close()


def interface_index(interface: str) -> int:
    """The index of an interface in this network namespace. Raises InterfaceError."""
    try:
        return socket.if_nametoindex(interface)
    except OSError as error:
        raise InterfaceError(f"there is no interface {interface} in this network namespace") from error
