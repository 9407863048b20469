"""A rack that is up for as long as a `with` block, or until `down`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rackplane.topologies import cleanup, processes, state, supervisor, wires
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fabric import Fabric, Topology
from rackplane.topologies.network import RackNetwork
from rackplane.topologies.rack import Rack
from rackplane.topologies.services import Services, Stage
from rackplane.topologies.state import RackState, SwitchAddress

Step = Callable[[str], AbstractContextManager[None]]
"""Shows one step of the work while it lasts."""
TOPOLOGY_FILE = "topology.json"


@dataclass(frozen=True)
class Plan:
    """What runs on a rack: the addresses where it will answer, and the stages that start it, in order."""

    target: str
    switches: Mapping[str, SwitchAddress]
    control: str
    stages: tuple[Stage, ...]


Planner = Callable[[Path], AbstractContextManager[Plan]]
"""Makes the plan of a rack, whose files are in a directory, and holds what the plan needs. It starts nothing."""


class RackSession:
    """Brings a rack up, and takes all of it away again, whatever happens in between."""

    def __init__(self, topology: Topology, planner: Planner, step: Step) -> None:
        self._topology = topology
        self._fabric = topology.fabric
        self._planner = planner
        self._step = step
        self._undo = ExitStack()
        self._network: RackNetwork | None = None
        self._services: Services | None = None

    def up(self) -> RackState:
        """Start everything. Raises LaunchError or TopologyError, after cleaning up."""
        if os.geteuid() != 0:
            raise LaunchError("a rack needs root: it makes network namespaces and loads BPF programs; use sudo")
        try:
            return self._start()
        except BaseException:
            self.down()
            raise

    def _start(self) -> RackState:
        fabric = self._fabric
        mark, owner = processes.new_mark(fabric.name), processes.reference(os.getpid())
        environment = processes.marked_environment(mark)
        directory = state.make_run_directory(fabric.name, owner)
        cleanup.note_interfaces(fabric.name, fabric.switch_interfaces)
        self._undo.callback(self._finish, supervisor.start(fabric.name, mark))
        (directory / TOPOLOGY_FILE).write_text(self._topology.to_json())

        self._network = RackNetwork(fabric, environment)
        self._undo.callback(self._network.stop)
        with self._step(f"{self._topology.summary}: namespaces and links{_lacks(fabric)}"):
            self._network.start()
        for problem in self._network.run_commands():
            with self._step(f"going on although a command failed: {problem}"):
                pass

        plan = self._undo.enter_context(self._planner(directory))
        self._services = Services(self._network, environment, directory / "logs")
        self._undo.callback(self._services.stop)
        running = RackState(
            mark=mark,
            fabric=fabric,
            blades=self._topology if isinstance(self._topology, Rack) else None,
            target=plan.target,
            owner=owner,
            hosts=self._network.pids,
            services={},
            switches=plan.switches,
            control=plan.control,
        )
        self._run_stages(plan.stages)
        running = replace(running, services=self._services.pids)
        state.save(running)
        return running

    def _run_stages(self, stages: Sequence[Stage]) -> None:
        for stage in stages:
            with self._step(stage.text):
                stage.prepare()
                self.services.start(stage.services())

    def _finish(self, watcher: supervisor.Supervisor) -> None:
        if not watcher.finish():
            raise LaunchError(
                f"something of the rack {self._fabric.name} could not be removed; "
                "`rackplane down` tries again and names it"
            )

    @property
    def network(self) -> RackNetwork:
        """The hosts. Raises LaunchError while the rack is down."""
        if self._network is None:
            raise LaunchError(f"the rack {self._fabric.name} is not up")
        return self._network

    @property
    def services(self) -> Services:
        """The services. Raises LaunchError while the rack is down."""
        if self._services is None:
            raise LaunchError(f"the rack {self._fabric.name} is not up")
        return self._services

    def down(self) -> None:
        """Take everything away. Raises LaunchError if something stays."""
        self._network = self._services = None
        self._undo.close()

    def __enter__(self) -> RackState:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()


def _lacks(fabric: Fabric) -> str:
    if any(cable.shape.delay_ms for cable in fabric.cables) and not wires.has_netem():
        return " (without the links' latency: this kernel has no netem)"
    return ""
