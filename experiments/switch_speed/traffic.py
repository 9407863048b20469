"""The programs of traffic.c: a source of frames, a sink that counts them, and replay without interfaces."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from rackplane.ebpf.attachment import XdpLink, interface_index
from rackplane.ebpf.program import Kind, Module
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.switch import libbpf

MAX_KEYS = 1 << 20
MIN_FRAME = 64
_FRAME_WORDS = 9
_SETTINGS = struct.Struct(f"={8 * _FRAME_WORDS}s3Q")
_ABORTED = 0


@dataclass(frozen=True)
class Flow:
    """A frame of at least MIN_FRAME bytes, and the destination MAC address that it has behind the switch."""

    frame: bytes
    arrives_for: bytes


@dataclass(frozen=True)
class Tally:
    """Frames that a sink has seen: those of the flow, and others."""

    wanted: int
    other: int

    def of_the_flow(self) -> int:
        """Those of the flow."""
        return self.wanted

    def total(self) -> int:
        """All of them."""
        return self.wanted + self.other


class Traffic:
    """The loaded programs. The flow is set before anything else; `close` unloads them. Raises EbpfError."""

    def __init__(self) -> None:
        with ExitStack() as undo:
            self._module = Module(Path(__file__).with_name("traffic.c"))
            undo.callback(self._module.close)
            self._source = self._module.load("source_xdp", Kind.XDP)
            self._sink = self._module.load("sink_xdp", Kind.XDP)
            self._replay = self._module.load("replay_xdp", Kind.XDP)
            self._nothing = self._module.load("nothing_xdp", Kind.XDP)
            self._settings = undo.enter_context(self._module.mapped("settings", _SETTINGS.size))
            self._keys = undo.enter_context(self._module.mapped("keys", 8 * MAX_KEYS))
            self._undo = undo.pop_all()
        self._frame = bytes(MIN_FRAME)

    def set_flow(self, flow: Flow, keys: Sequence[int] = ()) -> None:
        """What is sent, and what counts. With `keys`, frames begin with one of these in turn.

        A key is the first 8 bytes of a frame, most significant byte first; their number is a power of two.
        """
        if len(flow.frame) < MIN_FRAME or len(keys) & (len(keys) - 1) or len(keys) > MAX_KEYS:
            raise BenchError(f"no flow: a frame of {len(flow.frame)} bytes with {len(keys)} keys")
        front = flow.frame[: 8 * _FRAME_WORDS].ljust(8 * _FRAME_WORDS, b"\0")
        wanted = int.from_bytes(flow.arrives_for, "little")
        chosen = np.array(keys or [int.from_bytes(front[:8], "big")], dtype=">u8")
        self._keys[: chosen.nbytes] = chosen.tobytes()
        self._settings[: _SETTINGS.size] = _SETTINGS.pack(front, wanted, len(chosen) - 1, 0)
        self._frame = flow.frame

    def sink(self, interface: str) -> XdpLink:
        """Count what arrives at an interface, and drop it."""
        return XdpLink(interface, self._sink)

    def send(self, interface: str, count: int) -> None:
        """Send frames out of an interface; they go through the switch on this thread's CPU."""
        if count:
            libbpf.send_live(self._source, self._frame, interface_index(interface), count)

    def tally(self) -> Tally:
        """What the sinks have seen so far."""
        return Tally(**self._module.sum_over_cpus("tally", 0))

    def nanoseconds(self, program_fd: int | None, interface: str, repeat: int) -> int:
        """ns of one frame's replay to a program, or to none, as if the interface had received it."""
        self._module.set_program("subject", 0, self._nothing if program_fd is None else program_fd)
        index = interface_index(interface)
        verdict, _, duration = libbpf.test_run(self._replay, self._frame, repeat, index)
        if verdict == _ABORTED:
            raise BenchError("the program under test cannot be called: the last frame of its replay was aborted")
        return duration

    def close(self) -> None:
        """Unload the programs."""
        self._undo.close()

    def __enter__(self) -> Traffic:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
