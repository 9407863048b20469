"""The client's side of a trace: asks a switch through its control socket, and reads the records."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import socket
from pathlib import Path
from types import TracebackType

from rackplane.switch import tracefilter
from rackplane.switch.controlsocket import MAX_MESSAGE, short_path
from rackplane.switch.errors import SwitchError
from rackplane.switch.libbpf import MapInfo, MapType
from rackplane.switch.maps import BpfMap
from rackplane.switch.ringbuffer import RingBuffer

_ANSWER_TIMEOUT_S = 60.0
_AT_ONCE = 256


class TraceEnded(SwitchError):
    """The switch ended the trace, or is gone."""


class TraceClient:
    """A running trace, from the start of the context to its end. Raises SwitchError when it cannot run."""

    def __init__(self, path: Path, image: bytes, control: bytes) -> None:
        self._path = path
        self._image = image
        self._control = control
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._fds: list[int] = []
        self._ring: RingBuffer | None = None
        self._memory: mmap.mmap | None = None

    def __enter__(self) -> TraceClient:
        try:
            self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        self._close()

    @property
    def lost(self) -> int:
        """How many packets that were asked for found no room in the ring."""
        return tracefilter.lost(self._memory[:8]) if self._memory else 0

    def receive(self, timeout: float) -> list[bytes]:
        """Return the records that have come, after waiting up to `timeout` s for the first. Raises TraceEnded."""
        if self._ring is None:
            return []
        ready, _, _ = select.select([self._ring.fd, self._socket.fileno()], [], [], timeout)
        records = self._ring.receive(_AT_ONCE)
        if not records and self._socket.fileno() in ready:
            raise TraceEnded(self._farewell())
        return records

    def _start(self) -> None:
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        self._fds = [os.memfd_create("traced")]
        os.write(self._fds[0], self._image)
        request = json.dumps({"verb": "trace", "control": self._control.hex()}).encode()
        try:
            with short_path(self._path) as path:
                self._socket.connect(path)
            socket.send_fds(self._socket, [request], self._fds)
            data, fds, _, _ = socket.recv_fds(self._socket, MAX_MESSAGE, 2)
        except OSError as e:
            raise SwitchError(f"the switch cannot be reached at {self._path}: {e.strerror or e}") from e
        self._fds += fds
        answer = json.loads(data) if data else {"error": "the switch closed its control socket"}
        if "error" in answer or len(fds) != 2:
            raise SwitchError(f"the trace cannot start: {answer.get('error', 'the answer is malformed')}")
        self._memory = mmap.mmap(fds[1], mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        self._ring = RingBuffer(BpfMap(MapInfo("trace_ring", MapType.RINGBUF, 0, 0, 0), fds[0]))

    def _farewell(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            answer = json.loads(self._socket.recv(MAX_MESSAGE) or b"{}")
            return str(answer.get("ended", "the switch has ended"))
        return "the switch has ended"

    def _close(self) -> None:
        if self._ring is not None:
            self._ring.close()
        if self._memory is not None:
            self._memory.close()
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        self._socket.close()
