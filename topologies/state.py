"""What is known of a running rack, in /run/rackplane/<name>/: readable by root only, gone with the rack."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rackplane.switch.target import SwitchSetup
from rackplane.topologies import fabric
from rackplane.topologies.fabric import Fabric
from rackplane.topologies.fields import Fields, TopologyError
from rackplane.topologies.processes import ProcessRef
from rackplane.topologies.rack import Rack, check_name, from_fields

RUN_ROOT = Path("/run/rackplane")
STATE_FILE = "rack.json"
_OWNER_FILE = "owner.json"


@dataclass(frozen=True)
class SwitchAddress:
    """Where a switch serves P4Runtime (HOST:PORT), as which device, and where it keeps its files."""

    grpc: str
    device_id: int
    state_dir: str

    @classmethod
    def of(cls, setup: SwitchSetup) -> SwitchAddress:
        """The address of a switch that is set up so."""
        return cls(setup.grpc_address, setup.device_id, str(setup.state_dir))


@dataclass(frozen=True)
class RackState:
    """A rack that is up, or was up when its file was written.

    `mark` is in the environment of all its processes. `blades` is there if the fabric is MIND's rack. `hosts` maps
    a host's name to the process that holds its network namespace, `switches` a switch's name to how it is reached.
    `control` is where MIND's control plane answers.
    """

    mark: str
    fabric: Fabric
    blades: Rack | None
    target: str
    owner: ProcessRef
    hosts: Mapping[str, int]
    services: Mapping[str, int]
    switches: Mapping[str, SwitchAddress]
    control: str

    @property
    def directory(self) -> Path:
        """The rack's directory: logs, sockets, build output."""
        return run_directory(self.fabric.name)

    @property
    def rack(self) -> Rack:
        """The blades. Raises TopologyError if the fabric has no blades."""
        if self.blades is None:
            raise TopologyError(f"{self.fabric.name} has hosts, but no compute and memory blades")
        return self.blades

    def switch(self, name: str | None = None) -> SwitchAddress:
        """How the switch `name`, or the first one, is reached. Raises TopologyError."""
        wanted = name or next(iter(self.switches), "")
        if wanted not in self.switches:
            raise TopologyError(f"no switch is called {wanted!r}; this rack has {', '.join(self.switches)}")
        return self.switches[wanted]

    def host_pid(self, name: str) -> int:
        """The process in whose namespaces the host `name` lives. Raises TopologyError."""
        self.fabric.host(name)
        return self.hosts[name]


def run_directory(name: str) -> Path:
    """Where a rack called `name` keeps its files. Raises TopologyError if that is no name."""
    check_name(name)
    return RUN_ROOT / name


def make_run_directory(name: str, owner: ProcessRef) -> Path:
    """Create the rack's directory, for root only. Raises TopologyError if a rack has it already."""
    RUN_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
    RUN_ROOT.chmod(0o700)
    directory = run_directory(name)
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError as error:
        raise TopologyError(
            f"a rack called {name!r} is running or has left files in {directory}; `rackplane down` ends it"
        ) from error
    (directory / _OWNER_FILE).write_text(json.dumps({"pid": owner.pid, "start": owner.start}))
    return directory


def owner_of(name: str) -> ProcessRef | None:
    """The process that brought, or is bringing, the rack `name` up; None if no rack has that name."""
    try:
        fields = Fields(json.loads((run_directory(name) / _OWNER_FILE).read_text()), _OWNER_FILE)
        return ProcessRef(fields.number("pid"), fields.number("start"))
    except (OSError, ValueError):
        return None


def is_alive(name: str) -> bool:
    """Whether the process that holds the rack `name` is running."""
    owner = owner_of(name)
    return owner is not None and owner.alive


def save(state: RackState) -> None:
    """Write the state so that a reader sees all of it or nothing."""
    data = {
        "mark": state.mark,
        "fabric": json.loads(state.fabric.to_json()),
        "rack": json.loads(state.blades.to_json()) if state.blades else None,
        "target": state.target,
        "owner": {"pid": state.owner.pid, "start": state.owner.start},
        "hosts": dict(state.hosts),
        "services": dict(state.services),
        "switches": {name: asdict(address) for name, address in state.switches.items()},
        "control": state.control,
    }
    fresh = state.directory / f".{STATE_FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(data, indent=2))
    fresh.rename(state.directory / STATE_FILE)


def load(name: str) -> RackState:
    """The state of the rack `name`. Raises TopologyError if there is none, or it cannot be read."""
    path = run_directory(name) / STATE_FILE
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        raise TopologyError(f"no rack called {name!r} is running; `rackplane up rack` starts one") from error
    except PermissionError as error:
        raise TopologyError(f"{path} is readable by root only; run this as root") from error
    try:
        root = Fields(json.loads(text), str(path))
    except json.JSONDecodeError as error:
        raise TopologyError(f"{path} is not JSON: {error}; `rackplane down` removes it") from error
    owner, hosts, services = root.child("owner"), root.child("hosts"), root.child("services")
    switches = root.child("switches")
    return RackState(
        mark=root.text("mark"),
        fabric=fabric.from_fields(root.child("fabric")),
        blades=None if root.is_null("rack") else from_fields(root.child("rack")),
        target=root.text("target"),
        owner=ProcessRef(owner.number("pid"), owner.number("start")),
        hosts={key: hosts.number(key) for key in hosts},
        services={key: services.number(key) for key in services},
        switches={
            key: SwitchAddress(child.text("grpc"), child.number("device_id"), child.text("state_dir"))
            for key, child in ((key, switches.child(key)) for key in switches)
        },
        control=root.text("control"),
    )


def names() -> list[str]:
    """Names of all racks that run or have left files."""
    try:
        return sorted(entry.name for entry in RUN_ROOT.iterdir() if entry.is_dir())
    except (FileNotFoundError, PermissionError):
        return []
