"""The surroundings of a switch: veth links, hosts on their far ends, and the switch in a thread of the test."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import basic_program as basic

from rackplane.compiler.manifest import Manifest
from rackplane.switch import links, netns
from rackplane.switch.device import Device
from rackplane.switch.errors import BundleError
from rackplane.switch.server import ServerOptions, serve

DEVICE_ID = 7

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_IGNORE_OUTGOING = 23
_SO_RCVBUFFORCE = 33
_FLOOD = """
import socket, sys
frame, count = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
while count:
    try:
        s.send(frame)
        count -= 1
    except OSError:
        pass
"""


class Host:
    """The far end of a veth pair."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._socket = netns.run_in(Path("/run/netns") / namespace, self._open)

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def flood(self, frame: bytes, count: int) -> subprocess.Popen[bytes]:
        """Send a frame many times from a process of its own."""
        command = [sys.executable, "-c", _FLOOD, frame.hex(), str(count)]
        return subprocess.Popen(["ip", "netns", "exec", self.namespace, *command])

    def receive(self, timeout: float = 1.0) -> bytes | None:
        self._socket.settimeout(timeout)
        try:
            return self._socket.recv(65535)
        except TimeoutError:
            return None

    def drain(self, quiet: float = 0.2) -> list[bytes]:
        """Every frame until nothing has come for `quiet` seconds."""
        frames = []
        while (frame := self.receive(quiet)) is not None:
            frames.append(frame)
        return frames

    def close(self) -> None:
        self._socket.close()

    @staticmethod
    def _open() -> socket.socket:
        links.silence("eth0")
        links.prepare_host_end("eth0")
        links.set_up("eth0")
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        s.bind(("eth0", _ETH_P_ALL))
        s.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        s.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 26)
        return s


@dataclass
class Links:
    """Veth pairs: switch ends by port number in this namespace, and the hosts on their far ends."""

    ports: dict[int, str] = field(default_factory=dict)
    hosts: dict[int, Host] = field(default_factory=dict)

    def add(self, port: int) -> Host:
        token = secrets.token_hex(3)
        namespace, near = f"rpt-{token}-{port}", f"s{token}p{port}"
        _ip(f"netns add {namespace}")
        _ip(f"link add {near} type veth peer name eth0 netns {namespace}")
        self.ports[port] = near
        self.hosts[port] = Host(namespace)
        return self.hosts[port]

    def wait_up(self, ports: Iterable[int] | None = None) -> None:
        deadline = time.monotonic() + 5
        for name in self.ports.values() if ports is None else [self.ports[n] for n in ports]:
            while Path(f"/sys/class/net/{name}/operstate").read_text().strip() != "up":
                assert time.monotonic() < deadline, f"{name} does not come up"
                time.sleep(0.01)

    def close(self) -> None:
        for host in self.hosts.values():
            host.close()
            subprocess.run(["ip", "netns", "del", host.namespace], check=False)
        for name in self.ports.values():
            subprocess.run(["ip", "link", "del", name], check=False, stderr=subprocess.DEVNULL)


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@dataclass
class Running:
    """A switch that serves in a thread of this process. `programs` are the device configs that it knows."""

    device: Device
    address: str
    programs: dict[bytes, tuple[bytes, Manifest]]


@contextlib.contextmanager
def serving(ports: Mapping[int, str], program: bytes) -> Iterator[Running]:
    """A switch with a CPU port in a thread of its own."""
    device = Device(ports, basic.CPU_PORT)
    programs = {b"basic": (program, basic.manifest())}
    started, stop, address = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def ready(bound: str) -> None:
        address.append(bound)
        started.set()
        await stop.wait()

    def read(config: bytes) -> tuple[bytes, Manifest]:
        if config not in programs:
            raise BundleError(f"{config[:20]!r} is not a device config")
        return programs[config]

    body = serve(ServerOptions("127.0.0.1:0", DEVICE_ID), device, read, ready)
    thread = threading.Thread(target=loop.run_until_complete, args=(body,), name="switch")
    thread.start()
    try:
        assert started.wait(10)
        yield Running(device, address[0], programs)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
        device.close()
