"""Frames for memory blades, and a link to a namespace where one serves."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from scapy.contrib.roce import BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from rackplane.wire.generated.rack_headers import Opcode
from rackplane.wire.memory import RackMemory
from rackplane.wire.packet import Addressing, Endpoint, Request, request_frame
from rackplane.wire.requester import Timing

NEAR = Endpoint(0x0200_0000_0001, IPv4Address("10.0.0.1"))
FAR = Endpoint(0x0200_0000_0101, IPv4Address("10.0.1.1"))
READ, WRITE, CAS, ADD = 0x0C, 0x0A, 0x13, 0x14
READ_RESPONSE, ACK, ATOMIC_ACK = 0x10, 0x11, 0x12
READY_SECONDS = 60
SENDER = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
    out.bind((sys.argv[1], 0))
    for line in sys.stdin:
        out.send(bytes.fromhex(line))
"""
_numbers = itertools.count()


@dataclass(frozen=True)
class Change:
    """What a test changes in a good frame. Lengths are added to the right ones."""

    ip: dict[str, object] | None = None
    udp: dict[str, object] | None = None
    bth: dict[str, object] | None = None
    ip_length: int = 0
    udp_length: int = 0
    cut: int = 0
    checksum: int = 0


def reth(va: int, length: int, rkey: int = 0) -> bytes:
    return va.to_bytes(8, "big") + rkey.to_bytes(4, "big") + length.to_bytes(4, "big")


def atomic_eth(va: int, operand: int, compare: int = 0, rkey: int = 0) -> bytes:
    fields = ((va, 8), (rkey, 4), (operand, 8), (compare, 8))
    return b"".join((value % (1 << 8 * size)).to_bytes(size, "big") for value, size in fields)


def frame(opcode: int, extended: bytes, *, qp: int = 1, psn: int = 0, change: Change | None = None) -> bytes:
    """A frame by scapy, as wire/ is not to be judged by itself."""
    change = change or Change()
    bth = bytes(BTH(**{"opcode": opcode, "dqpn": qp, "psn": psn, "ackreq": 1, **(change.bth or {})}))[:12]
    payload = bth + extended + bytes(4)
    udp = UDP(**{"sport": 50000, "dport": 4791, "chksum": 0, **(change.udp or {})})
    udp.len = 8 + len(payload) + change.udp_length
    ip = IP(
        **{"src": "10.0.0.1", "dst": "10.0.1.1", "len": 28 + len(payload) + change.ip_length, **(change.ip or {})}
    )
    if change.checksum:
        ip.chksum = IP(bytes(ip)).chksum ^ change.checksum
    whole = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:01:01") / ip / udp / Raw(payload))
    return whole[: len(whole) - change.cut]


@dataclass(frozen=True)
class Reply:
    """An answer as scapy reads it. `body` is what is between AETH and ICRC."""

    opcode: int
    qp: int
    psn: int
    syndrome: int
    msn: int
    body: bytes


def reply(raw: bytes) -> Reply:
    """Reads an answer to `frame`, and checks all that every answer has in common."""
    packet = Ether(raw)
    assert (packet.src, packet.dst) == ("02:00:00:00:01:01", "02:00:00:00:00:01")
    assert (packet[IP].src, packet[IP].dst, packet[IP].len) == ("10.0.1.1", "10.0.0.1", len(raw) - 14)
    unsummed = packet[IP].copy()
    del unsummed.chksum
    assert packet[IP].chksum == IP(bytes(unsummed)).chksum
    assert (packet[UDP].sport, packet[UDP].dport, packet[UDP].chksum) == (50000, 4791, 0)
    assert packet[UDP].len == len(raw) - 34
    bth = packet[BTH]
    assert (bth.version, bth.padcount, bth.ackreq, bth.pkey) == (0, 0, 0, 0xFFFF)
    assert raw[-4:] == bytes(4)
    aeth = raw[54:58]
    return Reply(bth.opcode, bth.dqpn, bth.psn, aeth[0], int.from_bytes(aeth[1:], "big"), raw[58:-4])


class BladeLink:
    """A veth link: `near` is here, `far` in a namespace of its own. Closing takes all of it away."""

    def __init__(self) -> None:
        name = f"{os.getpid() % 100000}x{next(_numbers)}"
        self.near, self.far, self.namespace = f"n{name}", f"f{name}", f"rackplane-test-{name}"
        self.directory = Path(tempfile.mkdtemp(prefix="rackplane-test-"))
        self._processes: list[subprocess.Popen[str]] = []
        try:
            self._make()
        except subprocess.CalledProcessError:
            self.close()
            raise

    def _make(self) -> None:
        run("ip", "netns", "add", self.namespace)
        run(*f"ip link add {self.near} type veth peer name {self.far} netns {self.namespace}".split())
        for interface, prefix in ((self.near, ()), (self.far, ("ip", "netns", "exec", self.namespace))):
            run(*prefix, "ip", "link", "set", interface, "arp", "off", "addrgenmode", "none", "up")
            run(*prefix, "ethtool", "-K", interface, "gro", "on", "tx", "off")

    @property
    def control(self) -> Path:
        return self.directory / "control"

    def start(self, module: str, *arguments: str, here: bool = False) -> subprocess.Popen[str]:
        """A process in the namespace (or here) that prints a JSON line when it is ready."""
        prefix = () if here else ("ip", "netns", "exec", self.namespace)
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True
        )
        self._processes.append(process)
        ready = read_json(process, READY_SECONDS)
        assert ready["ready"] is True
        return process

    def serve(self, *arguments: str) -> subprocess.Popen[str]:
        """A memory blade of 1 MiB at the far end."""
        options = ("--interface", self.far, "--capacity", "1M", "--control", str(self.control))
        return self.start("rackplane.hosts.memory", *options, *arguments)

    def disturb(self, *arguments: str, far: bool) -> subprocess.Popen[str]:
        """Faults on what the far end receives, or the near end."""
        interface = self.far if far else self.near
        return self.start("rackplane.ebpf.fault", "--interface", interface, *arguments, here=not far)

    def memory(self, timing: Timing | None = None) -> RackMemory:
        """A requester at the near end."""
        return RackMemory(self.near, own=NEAR, peer=FAR, timing=timing)

    @contextlib.contextmanager
    def socket(self) -> Iterator[socket.socket]:
        """Whole frames at the near end."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as opened:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            opened.bind((self.near, 0x0800))
            opened.settimeout(2)
            yield opened

    def send_from_far(self, *frames: bytes) -> None:
        """Send whole frames from the far end."""
        lines = "\n".join(each.hex() for each in frames)
        command = ["ip", "netns", "exec", self.namespace, sys.executable, "-c", SENDER, self.far]
        subprocess.run(command, input=lines, text=True, check=True)

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        subprocess.run(["ip", "link", "del", self.near], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self.namespace], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read_json(process: subprocess.Popen[str], seconds: float) -> dict[str, object]:
    """The next line that a process prints."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], seconds)[0], "the process prints nothing"
    line = process.stdout.readline()
    assert line, f"the process ended with status {process.wait()}"
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def stop(process: subprocess.Popen[str]) -> str:
    """Ends a process in the usual way; gives what it still printed."""
    process.terminate()
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return printed


def wait_until(condition: object, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it never became so"
        time.sleep(0.01)


def wire_frame(request: Request, psn: int = 0, queue_pair: int = 1) -> bytes:
    """A frame by wire/."""
    return request_frame(Addressing(NEAR, FAR, queue_pair, 0, 50000), psn, request)


def unpadded_read(va: int, length: int, psn: int = 0) -> bytes:
    return frame(Opcode.RDMA_READ_REQUEST, reth(va, length), psn=psn)
