"""Handles of kernel maps: single and batched access, and the memory of data sections."""

from __future__ import annotations

import ctypes
import errno
import mmap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rackplane.switch import libbpf
from rackplane.switch.errors import BpfError
from rackplane.switch.libbpf import MapInfo


class BpfMap:
    """A map by file descriptor. The descriptor belongs to the loaded object, or to whoever made the map."""

    def __init__(self, info: MapInfo, fd: int) -> None:
        self.info = info
        self.fd = fd

    def put(self, key: bytes, value: bytes, locked: bool = False) -> None:
        """Create or replace one element, with `locked` under the spin lock that it holds; raise BpfError."""
        self._raise(libbpf.update_elem(self.fd, key, value, _flags(locked)), "write to")

    def get(self, key: bytes, locked: bool = False) -> bytes | None:
        """Return one element, with `locked` under its spin lock, or None when there is none."""
        buffer = ctypes.create_string_buffer(self.info.value_size)
        result = libbpf.lookup_elem(self.fd, key, buffer, _flags(locked))
        if result == -errno.ENOENT:
            return None
        self._raise(result, "read from")
        return buffer.raw

    def delete(self, key: bytes) -> bool:
        """Remove one element; False when there was none."""
        result = libbpf.delete_elem(self.fd, key)
        if result == -errno.ENOENT:
            return False
        self._raise(result, "delete from")
        return True

    def get_range(self, start: int, count: int) -> bytes:
        """Return the values of elements start ... start + count - 1 of an ARRAY, one after the other."""
        return libbpf.lookup_array_batch(self.fd, start, count, self.info.value_size)

    def put_many(self, keys: Sequence[bytes], values: Sequence[bytes], locked: bool = False) -> None:
        """Create or replace elements in order, in one system call; a BpfError may leave a part written."""
        if len(keys) == 1:
            self.put(keys[0], values[0], locked)
        elif keys:
            flags = _flags(locked)
            result, _ = libbpf.update_batch(self.fd, b"".join(keys), b"".join(values), len(keys), flags)
            self._raise(result, f"write {len(keys)} elements to")

    def delete_many(self, keys: Sequence[bytes]) -> None:
        """Remove elements that exist, in one system call."""
        if len(keys) == 1:
            self.delete(keys[0])
        elif keys:
            result, _ = libbpf.delete_batch(self.fd, b"".join(keys), len(keys))
            self._raise(result, f"delete {len(keys)} elements from")

    def _raise(self, result: int, what: str) -> None:
        if result < 0:
            raise BpfError(f"cannot {what} map {self.info}", -result)


def _flags(locked: bool) -> int:
    return libbpf.BPF_F_LOCK if locked else libbpf.BPF_ANY


class PerCpuCounters:
    """A PERCPU_ARRAY whose values are made of u64s: reads sum over the CPUs, writes set CPU 0 and clear others."""

    def __init__(self, map_: BpfMap) -> None:
        self.map = map_
        self.words = map_.info.value_size // 8
        self._cpus = libbpf.possible_cpus()

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.map.info.max_entries

    def read(self, start: int, count: int) -> NDArray[np.uint64]:
        """Return elements start ... start + count - 1 as an array of shape (count, words)."""
        raw = libbpf.lookup_array_batch(self.map.fd, start, count, self._cpus * self.words * 8)
        values = np.frombuffer(raw, dtype="<u8").reshape(-1, self._cpus, self.words)
        return np.asarray(values.sum(axis=1, dtype=np.uint64))

    def write(self, indices: Sequence[int], words: Sequence[int]) -> None:
        """Set every named element to the same words."""
        one = b"".join(w.to_bytes(8, "little") for w in words)
        value = one.ljust(self._cpus * self.words * 8, b"\0")
        self.map.put_many([i.to_bytes(4, "little") for i in indices], [value] * len(indices))

    def write_rows(self, start: int, rows: NDArray[np.uint64]) -> None:
        """Set elements from `start` on to the rows of an array of shape (count, words)."""
        keys = [i.to_bytes(4, "little") for i in range(start, start + len(rows))]
        size = self._cpus * self.words * 8
        self.map.put_many(keys, [row.astype("<u8").tobytes().ljust(size, b"\0") for row in rows])


def map_elements(map_: BpfMap) -> mmap.mmap:
    """Map the elements of a BPF_F_MMAPABLE array into this process; each begins at a multiple of 8 bytes."""
    size = map_.info.max_entries * (-(-map_.info.value_size // 8) * 8)
    pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    try:
        return mmap.mmap(map_.fd, pages, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    except OSError as e:
        raise BpfError(f"cannot map the memory of {map_.info}", e.errno or errno.EINVAL) from e


class SharedMemory:
    """The one value of a BPF_F_MMAPABLE array, such as a data section, mapped into this process."""

    def __init__(self, map_: BpfMap) -> None:
        self.map = map_
        self.size = map_.info.value_size
        self._memory = map_elements(map_)

    def words(self, element_size: int, count: int) -> NDArray[np.unsignedinteger]:
        """Return the first `count` elements of 1, 2, 4 or 8 bytes as an array that is the memory itself."""
        return np.frombuffer(self._memory, dtype=f"<u{element_size}", count=count)

    def bytes(self) -> memoryview:
        """Return the memory as bytes."""
        return memoryview(self._memory)[: self.size]
