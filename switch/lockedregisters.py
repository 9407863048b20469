"""Registers that packets access under a lock, read and written by a program that takes it (see Manifest)."""

from __future__ import annotations

import struct
import time

from rackplane.compiler.manifest import Manifest
from rackplane.switch import libbpf
from rackplane.switch.errors import SwitchError

BATCH = 64
_XDP_PASS = 2
_TRIES = 100
_PAUSE_S = 0.001


class LockedAccess:
    """One register array by its position in the manifest."""

    def __init__(self, manifest: Manifest, position: int, program_fd: int) -> None:
        self._position = position
        self._program_fd = program_fd
        self._value_size = 8 * manifest.register_words
        self._label = manifest.registers[position].name

    def read(self, index: int) -> int:
        """Return an element as the unsigned number that its bytes are."""
        return int.from_bytes(self._run(index, 1, False, 0), "little")

    def write(self, indices: range, value: int) -> None:
        """Set elements one after the other to an unsigned number; each is whole, and no packet's write is lost."""
        for start in range(indices.start, indices.stop, BATCH):
            self._run(start, min(BATCH, indices.stop - start), True, value)

    def _run(self, first: int, count: int, write: bool, value: int) -> bytes:
        request = struct.pack("<4I", self._position, first, count, write) + value.to_bytes(
            self._value_size, "little"
        )
        for _ in range(_TRIES):
            verdict, answer, _ = libbpf.test_run(self._program_fd, request)
            if verdict == _XDP_PASS:
                return answer[16 : 16 + self._value_size]
            time.sleep(_PAUSE_S)
        raise SwitchError(f"register {self._label} stayed locked by packets through {_TRIES} tries")
