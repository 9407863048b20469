"""An XDP program in front of the one that an interface has already."""

from __future__ import annotations

import os
from types import TracebackType

from pyroute2 import IPRoute  # type: ignore[import-untyped]
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]

from rackplane.ebpf import bpf_call
from rackplane.ebpf.attachment import XdpLink, interface_index
from rackplane.ebpf.errors import BpfCallError, InterfaceError


class Interposition:
    """Puts a program in the place of the interface's own, until `close`, which puts that one back.

    `original` is a file descriptor of the interface's own program, or None. The new program is to tail call it. It
    does not matter whether the original is held by a link of another process or attached by netlink. Raises
    InterfaceError.
    """

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._index = interface_index(interface)
        program_id = attached_program(self._index)
        self._link = bpf_call.find_xdp_link(self._index, program_id)
        self.original = bpf_call.program_by_id(program_id) if program_id else None
        self._own_link: XdpLink | None = None
        self._replaced = False

    def insert(self, program_fd: int) -> None:
        """Attach the new program."""
        if self.original is None:
            self._own_link = XdpLink(self._interface, program_fd)
            return
        self._replace(program_fd)
        self._replaced = True

    def _replace(self, program_fd: int) -> None:
        try:
            if self._link is not None:
                bpf_call.link_update(self._link, program_fd)
                return
            with IPRoute() as ip:
                ip.link("set", index=self._index, xdp_fd=program_fd)
        except (BpfCallError, NetlinkError) as error:
            raise InterfaceError(f"cannot replace the XDP program of {self._interface}: {error}") from error

    def close(self) -> None:
        """Put the original program back, or leave the interface without one."""
        if self._own_link is not None:
            self._own_link.close()
            self._own_link = None
        if self._replaced and self.original is not None:
            self._replaced = False
            self._replace(self.original)
        for fd in (self._link, self.original):
            if fd is not None:
                os.close(fd)
        self._link = self.original = None

    def abandon(self) -> None:
        """Leave what is attached now, which is not this program any more, when `close` comes."""
        self._replaced = False

    def __enter__(self) -> Interposition:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def attached_program(index: int) -> int:
    """The id of the interface's XDP program; 0 when it has none."""
    with IPRoute() as ip:
        (message,) = ip.get_links(index)
        xdp = message.get_attr("IFLA_XDP")
    return int(xdp.get_attr("IFLA_XDP_PROG_ID") or 0) if xdp is not None else 0
