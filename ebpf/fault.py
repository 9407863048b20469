"""`python -m rackplane.ebpf.fault`: lose, double and delay RoCE frames that an interface receives.

Faults are drawn from a seed. Interposed at both ends of a link, it disturbs both directions.
"""

from __future__ import annotations

import ctypes
import heapq
import json
import select
import time
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar

import click

from rackplane.ebpf import bpf_call
from rackplane.ebpf.attachment import interface_index
from rackplane.ebpf.ending import until_signal
from rackplane.ebpf.errors import EbpfError
from rackplane.ebpf.interposition import Interposition
from rackplane.ebpf.program import ROOM, Kind, Module

_MAX_HELD = 4096
_POLL = 0.05


@dataclass(frozen=True)
class Faults:
    """Rates per mille of RoCE frames, and how many seconds a delayed frame and a second copy come late."""

    drop: int = 0
    duplicate: int = 0
    delay: int = 0
    lateness: float = 0.0003
    seed: int = 1

    def __post_init__(self) -> None:
        rates = (self.drop, self.duplicate, self.delay)
        if min(rates) < 0 or sum(rates) > 1000:
            raise EbpfError(f"fault rates are per mille and add up to 1000 at most, not {rates}")
        if not 0 <= self.lateness <= 10:
            raise EbpfError(f"frames come 0 to 10 seconds late, not {self.lateness}")


class _Held(ctypes.Structure):
    """`struct held` of fault.c."""

    _fields_: ClassVar = [("length", ctypes.c_uint32), ("bytes", ctypes.c_uint8 * 2048)]


class FaultInjector:
    """fault.c in front of what an interface has; `pump` has to be called for frames that come late to come at all.

    Raises EbpfError.
    """

    def __init__(self, interface: str, faults: Faults) -> None:
        self._faults = faults
        self._index = interface_index(interface)
        self._late: list[tuple[float, int, bytes]] = []
        self._held = 0
        self._module = Module(ROOM / "fault.c")
        self._module.set(
            "options", 0, seed=faults.seed, drop=faults.drop, duplicate=faults.duplicate, delay=faults.delay
        )
        self._module.on_event("held", self._hold)
        program = self._module.load("fault_xdp", Kind.XDP)
        passing = self._module.load("pass_xdp", Kind.XDP)
        self._interposition = Interposition(interface)
        self._target = passing
        if self._interposition.original is not None:
            self._target = self._interposition.original
            self._module.set_program("next", 0, self._target)
        self._interposition.insert(program)

    def _hold(self, address: int) -> None:
        if len(self._late) >= _MAX_HELD:
            return
        held = _Held.from_address(address)
        self._held += 1
        frame = bytes(held.bytes[: held.length])
        heapq.heappush(self._late, (time.monotonic() + self._faults.lateness, self._held, frame))

    def pump(self, seconds: float) -> None:
        """Inject late frames as they become due, for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self._inject_due(now)
            due = self._late[0][0] if self._late else end
            self._module.poll_events(max(0.0, min(due, end) - now))

    def _inject_due(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            _, _, frame = heapq.heappop(self._late)
            bpf_call.inject(self._target, frame, self._index)

    def counters(self) -> dict[str, int]:
        """Frames seen and disturbed, by the names of fault.c."""
        return self._module.sum_over_cpus("counters", 0)

    def close(self) -> None:
        """Put the interface's own program back."""
        self._interposition.close()
        self._module.close()

    def __enter__(self) -> FaultInjector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@click.command()
@click.option("--interface", required=True, help="Whose received frames are disturbed.")
@click.option("--drop", default=0, show_default=True, help="Lost frames, per mille.")
@click.option("--duplicate", default=0, show_default=True, help="Doubled frames, per mille.")
@click.option("--delay", default=0, show_default=True, help="Delayed frames, per mille.")
@click.option("--lateness", default=300.0, show_default=True, help="How late a frame or its double comes, in us.")
@click.option("--seed", default=1, show_default=True, help="Of the draws.")
def main(interface: str, lateness: float, seed: int, **rates: int) -> None:
    """Disturb RoCE frames that INTERFACE receives, until SIGTERM. Prints JSON: ready, then the counters."""
    try:
        faults = Faults(lateness=lateness / 1e6, seed=seed, **rates)
        with until_signal() as wake, FaultInjector(interface, faults) as injector:
            click.echo(json.dumps({"ready": True, "interface": interface}))
            while not select.select([wake], [], [], 0)[0]:
                injector.pump(_POLL)
            click.echo(json.dumps(injector.counters()))
    except EbpfError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
