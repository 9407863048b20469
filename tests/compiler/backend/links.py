"""Real links for a compiled program: veth pairs in a network namespace that ends with its process."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import socket
import struct
import subprocess
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

import bpf_harness as bpf

CLONE_NEWNET = 0x40000000
XDP_FLAGS_DRV_MODE = 4
BPF_MAP_TYPE_DEVMAP = 14
SO_RCVBUFFORCE = 33


def isolated(body: Callable[[], object], timeout: float = 60.0) -> object:
    """The result of `body`, run in a process with a network namespace of its own."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    worker = context.Process(target=_run, args=(body, sender))
    worker.start()
    if not receiver.poll(timeout):
        worker.kill()
        worker.join()
        raise TimeoutError(f"no result within {timeout} s")
    ok, result = receiver.recv()
    worker.join()
    assert ok, result
    return result


def _run(body: Callable[[], object], sender: Connection) -> None:
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        sender.send((True, body()))
    except BaseException:  # noqa: BLE001 - the parent shows it, whatever it is
        sender.send((False, traceback.format_exc()))


class Links:
    """Ports p1..pN of a switch, each wired to h1..hN, with the program attached to every port."""

    def __init__(self, loaded: bpf.Loaded, count: int) -> None:
        self.loaded = loaded
        self.sockets: dict[int, socket.socket] = {}
        subprocess.run(["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"], check=True)
        for n in range(1, count + 1):
            self._add(n)

    def _add(self, n: int) -> None:
        port, host = f"p{n}", f"h{n}"
        subprocess.run(["ip", "link", "add", port, "type", "veth", "peer", "name", host], check=True)
        subprocess.run(["ethtool", "-K", host, "gro", "on"], check=True, capture_output=True)
        for name in (port, host):
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        index = socket.if_nametoindex(port)
        self.loaded.set_port(index, n)
        fd = self.loaded.program_fd(self.loaded.manifest.ingress_program)
        status = self.loaded.lib.bpf_xdp_attach(index, fd, XDP_FLAGS_DRV_MODE, None)
        if status:
            raise OSError(-status, f"attach to {port}: {os.strerror(-status)}")
        self.loaded.update(self.loaded.manifest.maps.tx, struct.pack("=I", n), self._target(n))
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
        raw.bind((host, 0))
        raw.settimeout(0.3)
        self.sockets[n] = raw

    def _target(self, port: int) -> bytes:
        """A DEVMAP value: the interface, and the egress program, which unicast frames pass too."""
        name = self.loaded.manifest.egress_program
        program = self.loaded.program_fd(name) if name else 0
        return struct.pack("=II", socket.if_nametoindex(f"p{port}"), program)

    def add_group(self, group: int, replicas: list[tuple[int, int]]) -> None:
        """A multicast group of (port, rid)."""
        maps = self.loaded.manifest.maps
        inner = self.loaded.lib.bpf_map_create(BPF_MAP_TYPE_DEVMAP, b"copies", 4, 8, maps.max_replicas, None)
        assert inner >= 0
        seen: dict[int, int] = {}
        for n, (port, rid) in enumerate(replicas):
            if self.loaded.lib.bpf_map_update_elem(inner, struct.pack("=I", n), self._target(port), 0):
                raise OSError(ctypes.get_errno(), "copy")
            if maps.replicas:
                nth = seen.setdefault(port, 0)
                seen[port] += 1
                self.loaded.update(maps.replicas, struct.pack("=IHH", group, port, nth), struct.pack("=I", rid))
        self.loaded.update(maps.groups, struct.pack("=I", group), struct.pack("=i", inner))

    def send(self, port: int, frame: bytes) -> None:
        """Send a frame from the host at a port."""
        self.sockets[port].send(frame)

    def received(self, port: int, wait: float = 0.3) -> list[bytes]:
        """The frames that have come to the host at a port, without those that it sent."""
        frames = []
        end = time.monotonic() + wait
        self.sockets[port].settimeout(wait)
        while time.monotonic() < end:
            try:
                frame, address = self.sockets[port].recvfrom(2048)
            except TimeoutError:
                break
            if address[2] != socket.PACKET_OUTGOING:  # type: ignore[attr-defined]
                frames.append(frame)
        return frames
