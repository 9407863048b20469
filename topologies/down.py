"""Ending a rack from another process."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from enum import Enum

from rackplane.topologies import cleanup, processes, state
from rackplane.topologies.cleanup import Leftovers


class End(Enum):
    """What there was to end: a running rack, what a crashed one left, or nothing."""

    STOPPED = "stopped"
    CLEANED = "cleaned"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Outcome:
    """How it went; `left` is what could not be removed."""

    name: str
    end: End
    left: Leftovers


def take_down(name: str, patience: float = 15.0) -> Outcome:
    """End the rack `name`, or remove what it left. Needs root. Raises TopologyError if that is no name."""
    owner = state.owner_of(name)
    if owner is None or not owner.alive:
        return _clean(name)
    processes.send(owner, signal.SIGTERM)
    if not _await_removal(name, patience):
        processes.send(owner, signal.SIGKILL)
        _await_removal(name, patience)
    return Outcome(name, End.STOPPED, cleanup.clean(name))


def _clean(name: str) -> Outcome:
    existed = name in state.names() or bool(processes.find_marked(f"{name}."))
    return Outcome(name, End.CLEANED if existed else End.NOTHING, cleanup.clean(name))


def _await_removal(name: str, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while name in state.names():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
