"""Reading a BPF ring buffer from an event loop."""

from __future__ import annotations

from rackplane.switch import libbpf
from rackplane.switch.maps import BpfMap


class RingBuffer:
    """The consumer of one ring; `fd` becomes readable when there are records."""

    def __init__(self, map_: BpfMap) -> None:
        self._records: list[bytes] = []
        self._limit = 0
        self._callback = libbpf.RECORD_FN(self._take)
        self._pointer = libbpf.open_ring(map_.fd, self._callback)
        self.fd = libbpf.ring_fd(self._pointer)

    def receive(self, limit: int) -> list[bytes]:
        """Return up to `limit` records, the oldest first; raise BpfError."""
        self._records, self._limit = [], limit
        libbpf.read_ring(self._pointer)
        return self._records

    def close(self) -> None:
        """Let go of the ring's memory."""
        libbpf.close_ring(self._pointer)

    def _take(self, _: int, data: int, size: int) -> int:
        self._records.append(libbpf.memory_at(data, size))
        return libbpf.STOP if len(self._records) >= self._limit else 0
