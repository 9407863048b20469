"""What runs on a MIND rack: the switch with mind.p4, the memory blades' programs, the control plane."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rackplane import p4src
from rackplane.compiler.errors import CompileErrors
from rackplane.switch.errors import SwitchError
from rackplane.switch.target import Program, SwitchSetup, Target, listening
from rackplane.topologies.claim import claimed_port
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.rack import MemoryBlade, Rack
from rackplane.topologies.services import Service, Stage
from rackplane.topologies.session import TOPOLOGY_FILE, Plan, Planner
from rackplane.topologies.state import SwitchAddress
from rackplane.topologies.target import usable_target

P4RUNTIME_PORT = 9559
PROGRAM = Path(p4src.__path__[0]) / "mind.p4"
_MINUTE = 60.0


def mind_planner(rack: Rack, target: str) -> Planner:
    """The plan of a MIND rack on `target`, xdp or bmv2. Raises LaunchError if it cannot run here."""
    chosen = usable_target(target)

    @contextmanager
    def planner(directory: Path) -> Iterator[Plan]:
        with claimed_port(P4RUNTIME_PORT) as port:
            yield _Mind(rack, directory, chosen).plan(f"127.0.0.1:{port}")

    return planner


@dataclass
class _Mind:
    """The parts of the plan for one rack."""

    rack: Rack
    directory: Path
    target: Target
    program: Program | None = None

    def plan(self, address: str) -> Plan:
        setup = SwitchSetup(
            grpc_address=address,
            state_dir=self.directory / "switch",
            ports={link.port: link.switch_interface for link in self.rack.links},
        )
        control = self.directory / "mind.sock"
        return Plan(
            target=self.target.name,
            switches={self.rack.switch: SwitchAddress.of(setup)},
            control=str(control),
            stages=(
                Stage(f"{PROGRAM.name} compiled for {self.target.name}", prepare=self._compile),
                Stage(
                    f"switch {self.rack.switch}, P4Runtime on {setup.grpc_address}; memory served",
                    lambda: (self._switch(setup), *(self._memory(blade) for blade in self.rack.memory)),
                ),
                Stage("MIND's control plane", lambda: (self._control(setup, control),)),
            ),
        )

    def _compile(self) -> None:
        try:
            self.program = self.target.compile(PROGRAM, self.directory / "build")
        except (CompileErrors, SwitchError) as error:
            raise LaunchError(f"{PROGRAM.name} does not compile:\n{error}") from error

    def _switch(self, setup: SwitchSetup) -> Service:
        setup.state_dir.mkdir(exist_ok=True)
        return Service("switch", self.target.command(setup), lambda: listening(setup.grpc_address))

    def _memory(self, blade: MemoryBlade) -> Service:
        path = self.directory / f"{blade.name}.sock"
        command = [
            *(sys.executable, "-m", "rackplane.hosts.memory", "--interface", f"{blade.name}-eth0"),
            *("--address", str(blade.ip), "--capacity", str(blade.capacity), "--control", str(path)),
        ]
        return Service(blade.name, tuple(command), unix_ready(path), blade.name, patience=_MINUTE)

    def _control(self, setup: SwitchSetup, path: Path) -> Service:
        if self.program is None:
            raise LaunchError(f"{PROGRAM.name} is not compiled yet")
        command = [
            *(sys.executable, "-m", "rackplane.control.mind", "--switch", setup.grpc_address),
            *("--device-id", str(setup.device_id), "--p4info", str(self.program.p4info)),
            *("--config", str(self.program.device_config), "--rack", str(self.directory / TOPOLOGY_FILE)),
            *("--listen", str(path)),
        ]
        return Service("control", tuple(command), unix_ready(path), patience=_MINUTE)


def unix_ready(path: Path) -> Callable[[], bool]:
    """Ready when something listens at a socket file."""

    def ready() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                return False
        return True

    return ready
