"""Take away whatever is left of a rack, however it ended. Safe to run twice and by several processes at once."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rackplane.topologies import processes, state

PIN_ROOT = Path("/sys/fs/bpf/rackplane")
_INTERFACES = Path("/sys/class/net")
_LINKS_FILE = "links"


@dataclass(frozen=True)
class Leftovers:
    """What could not be removed; all empty after a good clean-up."""

    processes: tuple[int, ...] = ()
    interfaces: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.processes or self.interfaces)


def note_interfaces(name: str, interfaces: Iterable[str]) -> None:
    """Remember interfaces outside of the rack's own namespaces, before they are made."""
    (state.run_directory(name) / _LINKS_FILE).write_text("\n".join(interfaces))


def clean(name: str, mark: str | None = None, grace: float = 0.0) -> Leftovers:
    """Remove the rack `name`: processes (with `mark`, or any mark of this name), interfaces, BPF pins, files."""
    staying = processes.end_marked(mark or f"{name}.", grace)
    interfaces = delete_interfaces(_noted_interfaces(name))
    shutil.rmtree(PIN_ROOT / name, ignore_errors=True)
    if not staying and not interfaces:
        shutil.rmtree(state.run_directory(name), ignore_errors=True)
    return Leftovers(tuple(process.pid for process in staying), tuple(interfaces))


def _noted_interfaces(name: str) -> list[str]:
    try:
        return (state.run_directory(name) / _LINKS_FILE).read_text().split()
    except OSError:
        return []


def delete_interfaces(names: list[str]) -> list[str]:
    """Delete interfaces; the peer of a veth goes with it. Returns those that are still there after two seconds."""
    deadline = time.monotonic() + 2
    while left := [name for name in names if (_INTERFACES / name).exists()]:
        if time.monotonic() > deadline:
            return left
        for name in left:
            # It may go meanwhile, with its peer's namespace: what counts is whether it is still there.
            subprocess.run(["ip", "link", "delete", "dev", name], check=False, capture_output=True)
    return []
