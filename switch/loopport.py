"""The loop port: a veth pair that no cable leads to. What the program sends into it comes back to its loop program.

XDP copies a frame only by redirecting it to several devices, so a packet that has to be two goes here. The far
end lives in a network namespace without a name, which only this process keeps alive: however the process ends, the
kernel then removes the namespace, and with it both ends of the pair. The far end has a queue for each CPU: a frame
goes on where it was sent, and finds its state there.
"""

from __future__ import annotations

import contextlib
import os
import secrets

from pyroute2 import IPRoute  # type: ignore[import-untyped]
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]

from rackplane.switch import libbpf, links, netns
from rackplane.switch.errors import PortError

# The largest that a veth end with an XDP program takes.
MTU = 3498
_FAR_NAME = "loop"
_XDP_DROP = 1


class LoopPort:
    """A made loop port: frames redirected to `ifindex` run the program that run() was given last."""

    def __init__(self) -> None:
        self.interface = f"rploop{secrets.token_hex(4)}"
        self._namespace = netns.run_in_new(lambda: os.open(netns.current(), os.O_RDONLY | os.O_CLOEXEC))
        try:
            self._add()
            self._link = netns.run_in_fd(self._namespace, _attach)
            links.silence(self.interface)
            links.set_up(self.interface)
            self.ifindex = links.index_of(self.interface)
        except Exception:
            self._remove()
            raise

    def run(self, program_fd: int) -> None:
        """Let the far end run this program from now on."""
        libbpf.update_link(self._link, program_fd)

    def rest(self) -> None:
        """Drop what comes, and let go of the program and its maps."""
        drop = libbpf.load_xdp_return(_XDP_DROP)
        try:
            self.run(drop)
        finally:
            os.close(drop)

    def close(self) -> None:
        """Remove the pair."""
        os.close(self._link)
        self._remove()

    def _add(self) -> None:
        peer = {"ifname": _FAR_NAME, "net_ns_fd": self._namespace, "mtu": MTU}
        try:
            with IPRoute() as route:
                route.link("add", ifname=self.interface, kind="veth", mtu=MTU, peer=peer)
        except NetlinkError as e:
            raise PortError(f"cannot make the loop port's pair {self.interface}: {e}") from e

    def _remove(self) -> None:
        os.close(self._namespace)
        with contextlib.suppress(NetlinkError), IPRoute() as route:
            index = route.link_lookup(ifname=self.interface)
            if index:
                route.link("del", index=index[0])


def _attach() -> int:
    """Runs inside the namespace: the far end drops until it is given a program."""
    links.silence(_FAR_NAME)
    links.set_receive_queues(_FAR_NAME, libbpf.possible_cpus())
    drop = libbpf.load_xdp_return(_XDP_DROP)
    try:
        link = libbpf.create_xdp_link(drop, links.index_of(_FAR_NAME), libbpf.XDP_FLAGS_DRV_MODE)
    finally:
        os.close(drop)
    links.set_up(_FAR_NAME)
    return link
