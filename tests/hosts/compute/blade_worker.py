"""A compute blade as a process of its own, told what to do line by line: {"do": name, "with": {...}} in, JSON out.

Usage: blade_worker.py OPTIONS-JSON (the fields of BladeOptions)."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import sys
import time
from typing import Any

from hammer import hammer, word_at

from rackplane.hosts.compute.errors import RackMemoryError
from rackplane.hosts.compute.memory import BladeOptions, RackMemory

Json = Any


class Worker:
    """The commands."""

    def __init__(self, memory: RackMemory) -> None:
        self.memory = memory

    def map(self, va: int, length: int) -> None:
        self.memory.map(va, length)

    def unmap(self, va: int, length: int) -> None:
        self.memory.unmap(va, length)

    def load(self, va: int) -> int:
        return ctypes.c_uint64.from_address(va).value

    def store(self, va: int, value: int) -> None:
        word_at(va)[0] = value

    def fill(self, va: int, length: int, value: int) -> None:
        ctypes.memset(va, value, length)

    def sums(self, va: int, length: int) -> int:
        return sum(ctypes.string_at(va, length))

    def read(self, va: int, length: int) -> str:
        return self.memory.read(va, length).hex()

    def write(self, va: int, data: str) -> None:
        self.memory.write(va, bytes.fromhex(data))

    def cas(self, va: int, compare: int, swap: int) -> int:
        return self.memory.cas(va, compare, swap)

    def fetch_add(self, va: int, add: int) -> int:
        return self.memory.fetch_add(va, add)

    def flush(self) -> None:
        self.memory.flush()

    def discard(self, va: int, length: int) -> None:
        """What an allocator does with memory that it has no use for at the moment: madvise(MADV_DONTNEED)."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        assert libc.madvise(va, length, 4) == 0

    def time_loads(self, va: int, stride: int, count: int) -> list[float]:
        times = []
        for i in range(count):
            started = time.perf_counter()
            ctypes.c_uint64.from_address(va + i * stride).value  # noqa: B018
            times.append((time.perf_counter() - started) * 1e6)
        return times

    def hammer(self, **settings: Json) -> list[list[Any]]:
        return hammer(self.memory, **settings)

    def stats(self) -> dict[str, Any]:
        return dataclasses.asdict(self.memory.stats())

    def close(self) -> None:
        self.memory.close()


def main() -> None:
    with RackMemory(BladeOptions(**json.loads(sys.argv[1]))) as memory:
        worker = Worker(memory)
        print(json.dumps({"ok": "ready"}), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            try:
                answer = {"ok": getattr(worker, command["do"])(**command["with"])}
            except RackMemoryError as error:
                answer = {"error": type(error).__name__, "text": str(error)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
