"""The machine that a figure comes from; a number without it is not a result."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """What somebody needs to know to compare figures."""

    processor: str
    processors: int
    memory_gib: float
    kernel: str
    system: str
    python: str


def this_machine() -> Machine:
    """The machine that this process runs on."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_field(Path("/proc/cpuinfo"), "model name", ":") or platform.machine(),
        processors=len(os.sched_getaffinity(0)),
        memory_gib=round(pages / 2**30, 1),
        kernel=platform.release(),
        system=_field(Path("/etc/os-release"), "PRETTY_NAME", "=").strip('"') or platform.system(),
        python=platform.python_version(),
    )


def _field(file: Path, name: str, separator: str) -> str:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            return value.strip()
    return ""
