"""A rack that is up for as long as a `with` block, or until `down`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rackplane.topologies import cleanup, processes, state, supervisor
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.network import RackNetwork
from rackplane.topologies.rack import Rack
from rackplane.topologies.services import Services, Stage
from rackplane.topologies.state import RackState

Step = Callable[[str], AbstractContextManager[None]]
"""Shows one step of the work while it lasts."""
TOPOLOGY_FILE = "topology.json"


@dataclass(frozen=True)
class Plan:
    """What runs on a rack: the addresses where it will answer, and the stages that start it, in order."""

    target: str
    p4runtime: str
    control: str
    stages: tuple[Stage, ...]


Planner = Callable[[Rack, Path], AbstractContextManager[Plan]]
"""Makes the plan for a rack whose files are in a directory, and holds what the plan needs. It starts nothing."""


class RackSession:
    """Brings a rack up, and takes all of it away again, whatever happens in between."""

    def __init__(self, rack: Rack, planner: Planner, step: Step) -> None:
        self._rack = rack
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
        rack = self._rack
        mark, owner = processes.new_mark(rack.name), processes.reference(os.getpid())
        environment = processes.marked_environment(mark)
        directory = state.make_run_directory(rack.name, owner)
        cleanup.note_interfaces(rack.name, [link.switch_interface for link in rack.links])
        self._undo.callback(self._finish, supervisor.start(rack.name, mark))
        (directory / TOPOLOGY_FILE).write_text(rack.to_json())

        self._network = RackNetwork(rack, environment)
        self._undo.callback(self._network.stop)
        with self._step(f"{len(rack.compute)} compute and {len(rack.memory)} memory blades: namespaces and links"):
            self._network.start()

        plan = self._undo.enter_context(self._planner(rack, directory))
        self._services = Services(self._network, environment, directory / "logs")
        self._undo.callback(self._services.stop)
        running = RackState(
            mark=mark,
            rack=rack,
            target=plan.target,
            owner=owner,
            hosts=self._network.pids,
            services={},
            p4runtime=plan.p4runtime,
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
                f"something of the rack {self._rack.name} could not be removed; "
                "`rackplane down` tries again and names it"
            )

    @property
    def network(self) -> RackNetwork:
        """The hosts. Raises LaunchError while the rack is down."""
        if self._network is None:
            raise LaunchError(f"the rack {self._rack.name} is not up")
        return self._network

    @property
    def services(self) -> Services:
        """The services. Raises LaunchError while the rack is down."""
        if self._services is None:
            raise LaunchError(f"the rack {self._rack.name} is not up")
        return self._services

    def down(self) -> None:
        """Take everything away. Raises LaunchError if something stays."""
        self._network = self._services = None
        self._undo.close()

    def __enter__(self) -> RackState:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()
