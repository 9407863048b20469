"""The life of a memory blade's process: load, attach, say so, wait for the end, take everything away."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rackplane.ebpf.ending import until_signal
from rackplane.ebpf.memory_blade import MemoryBlade, MemoryBladeOptions
from rackplane.hosts.memory.control import ControlServer


@dataclass(frozen=True)
class ServedBlade:
    """A memory blade as its control socket shows it."""

    blade: MemoryBlade

    @property
    def capacity(self) -> int:
        """Bytes that it serves."""
        return self.blade.options.capacity

    def counters(self) -> dict[str, int]:
        """What it has done, by name."""
        return self.blade.counters()


def run(interface: str, options: MemoryBladeOptions, control: Path, announce: Callable[[str], None]) -> None:
    """Serve memory at an interface until SIGTERM or SIGINT.

    One JSON line is announced when requests are answered. Raises EbpfError and ControlError.
    """
    with until_signal() as wake, closing(MemoryBlade(options)) as blade:
        blade.attach(interface)
        with closing(ControlServer(control, ServedBlade(blade))) as server:
            ready = {"ready": True, "interface": interface, "capacity": options.capacity, "control": str(control)}
            announce(json.dumps(ready))
            server.serve(wake)
