"""Taps: what an interface receives, with the time, whether an XDP program takes it or the host's stack.

A frame that XDP drops, answers or redirects never reaches a packet socket. So on an interface with an XDP program
the tap stands in front of that program (tap.bpf.c); on others it is a packet socket. What an interface sends
is received at the other end of its link: to see a link, tap both ends.
"""

from __future__ import annotations

import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeVar

from rackplane.compiler import clang
from rackplane.ebpf.errors import EbpfError
from rackplane.ebpf.interposition import Interposition, attached_program
from rackplane.switch import frames, libbpf, links, netns
from rackplane.switch.errors import SwitchError
from rackplane.switch.maps import BpfMap, SharedMemory
from rackplane.switch.ringbuffer import RingBuffer

T = TypeVar("T")

MAX_SNAP = 4096
_CONTROL = struct.Struct("<QI")
_FRAME = struct.Struct("<QII")
_AT_ONCE = 512
_STATISTICS = struct.Struct("II")
_SOL_PACKET, _PACKET_STATISTICS = 263, 6


@dataclass(frozen=True)
class TappedFrame:
    """A frame as it was received: ns since the epoch, its length on the link, and the bytes that were kept."""

    time_ns: int
    length: int
    data: bytes


class Tap(ABC):
    """An open tap; `fd` becomes readable when there are frames. `program_id`: the XDP program that it is, or 0."""

    fd: int
    program_id = 0

    @abstractmethod
    def receive(self) -> list[TappedFrame]:
        """Return the frames that have come."""

    @abstractmethod
    def lost(self) -> int:
        """Return how many frames found no room so far."""

    @abstractmethod
    def close(self) -> None:
        """End the tap; to be called in the interface's namespace."""


class SocketTap(Tap):
    """A packet socket on an interface of this thread's namespace."""

    def __init__(self, interface: str, snap: int) -> None:
        self._socket = frames.open_socket(interface)
        frames.stamp(self._socket)
        self._snap = snap
        self._lost = 0
        self.fd = self._socket.fileno()

    def receive(self) -> list[TappedFrame]:
        """Return the frames that have come."""
        found: list[TappedFrame] = []
        try:
            while len(found) < _AT_ONCE:
                data, when = frames.receive_stamped(self._socket)
                found.append(TappedFrame(when or time.time_ns(), len(data), data[: self._snap]))
        except BlockingIOError:
            return found
        except OSError as e:
            raise SwitchError(f"the tapped interface is gone: {e.strerror}") from e
        return found

    def lost(self) -> int:
        """Return how many frames found no room so far."""
        raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        self._lost += _STATISTICS.unpack(raw)[1]
        return self._lost

    def close(self) -> None:
        """End the tap."""
        self._socket.close()


class XdpTap(Tap):
    """A tap in front of the XDP program of an interface of this thread's namespace. Raises SwitchError."""

    def __init__(self, interface: str, snap: int) -> None:
        self._epoch = time.time_ns() - time.monotonic_ns()
        self._index = links.index_of(interface)
        self._object = libbpf.open_object(_object_code(), "tap")
        try:
            with libbpf.Messages():
                libbpf.load_object(self._object)
            found = [BpfMap(libbpf.map_info(m), libbpf.map_fd(m)) for m in libbpf.object_maps(self._object)]
            maps = {m.info.name: m for m in found}
            self._control = SharedMemory(maps[".bss.tap"]).bytes()
            self._control[: _CONTROL.size] = _CONTROL.pack(0, min(snap, MAX_SNAP))
            self._ring = RingBuffer(maps["tap_ring"])
            self._place = _interposed(interface, maps["tap_next"], self._object)
        except SwitchError:
            libbpf.close_object(self._object)
            raise
        self.program_id = attached_program(self._index)
        self.fd = self._ring.fd

    def receive(self) -> list[TappedFrame]:
        """Return the frames that have come."""
        return [self._frame(record) for record in self._ring.receive(_AT_ONCE)]

    def lost(self) -> int:
        """Return how many frames found no room so far."""
        return int.from_bytes(self._control[:8], "little")

    def close(self) -> None:
        """End the tap. A program that has taken its place meanwhile stays."""
        try:
            if attached_program(self._index) != self.program_id:
                self._place.abandon()
            self._place.close()
        except EbpfError as e:
            raise SwitchError(f"the XDP program cannot be put back: {e}") from e
        finally:
            self._ring.close()
            libbpf.close_object(self._object)

    def _frame(self, record: bytes) -> TappedFrame:
        when, length, kept = _FRAME.unpack_from(record)
        return TappedFrame(when + self._epoch, length, record[_FRAME.size : _FRAME.size + kept])


@dataclass(frozen=True)
class Place:
    """An interface, in the network namespace that a file stands for (None: this thread's)."""

    interface: str
    namespace: Path | None = None

    def program(self) -> int:
        """The id of the XDP program on it; 0 when there is none."""
        return self.inside(lambda: attached_program(links.index_of(self.interface)))

    def tap(self, snap: int) -> Tap:
        """Open the tap that sees what the interface receives. Raises SwitchError."""

        def opened() -> Tap:
            has_program = attached_program(links.index_of(self.interface))
            return XdpTap(self.interface, snap) if has_program else SocketTap(self.interface, snap)

        return self.inside(opened)

    def inside(self, work: Callable[[], T]) -> T:
        """Run something in the namespace."""
        return work() if self.namespace is None else netns.run_in(self.namespace, work)


def _interposed(interface: str, following: BpfMap, pointer: libbpf.ObjectPtr) -> Interposition:
    """Put the loaded tap in front of the interface's program."""
    try:
        place = Interposition(interface)
        if place.original is None:
            place.close()
            raise SwitchError(f"the XDP program of {interface} has just gone")
        following.put(bytes(4), place.original.to_bytes(4, "little"))
        place.insert(libbpf.program_fd(libbpf.object_programs(pointer)[0]))
    except EbpfError as e:
        raise SwitchError(f"{interface} cannot be tapped: {e}") from e
    return place


@cache
def _object_code() -> bytes:
    text = resources.files(__package__).joinpath("tap.bpf.c").read_text(encoding="utf-8")
    try:
        return clang.compile_c(text)
    except clang.ClangMissing as e:
        raise SwitchError(f"tapping an XDP program needs a compiler: {e}") from e
