"""What `rackplane up` is asked for, as a value that another process can carry out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rackplane.topologies.exercise.description import read_exercise
from rackplane.topologies.exercise.planner import exercise_planner
from rackplane.topologies.fabric import Topology
from rackplane.topologies.fields import Fields, TopologyError
from rackplane.topologies.mind import mind_planner
from rackplane.topologies.rack import Rack, from_fields
from rackplane.topologies.session import Planner


class Order(Protocol):
    """A rack to bring up."""

    @property
    def name(self) -> str:
        """The rack's name."""

    def resolve(self) -> tuple[Topology, Planner]:
        """The topology, and the plan for it. Raises TopologyError, LaunchError."""

    def to_json(self) -> str:
        """What `from_json` reads."""


@dataclass(frozen=True)
class RackOrder:
    """MIND's rack on a target."""

    rack: Rack
    target: str

    @property
    def name(self) -> str:
        """The rack's name."""
        return self.rack.name

    def resolve(self) -> tuple[Topology, Planner]:
        """The rack, and the plan for it. Raises LaunchError."""
        return self.rack, mind_planner(self.rack, self.target)

    def to_json(self) -> str:
        """What `from_json` reads."""
        return json.dumps({"target": self.target, "rack": json.loads(self.rack.to_json())})


@dataclass(frozen=True)
class ExerciseOrder:
    """A topology file of the P4 tutorials on a target, with programs as FILE.p4 or SWITCH=FILE.p4."""

    file: Path
    name: str
    programs: tuple[str, ...]
    target: str

    def resolve(self) -> tuple[Topology, Planner]:
        """The exercise, and the plan for it. Raises TopologyError, LaunchError."""
        at_ends = self.target == "bmv2"  # it sends through sockets
        exercise = read_exercise(self.file, self.name, self.programs, at_ends=at_ends)
        return exercise, exercise_planner(exercise, self.target)

    def to_json(self) -> str:
        """What `from_json` reads."""
        data = {"target": self.target, "file": str(self.file), "name": self.name, "programs": self.programs}
        return json.dumps(data)


def from_json(text: str) -> Order:
    """The order that `to_json` wrote. Raises TopologyError."""
    try:
        root = Fields(json.loads(text), "order")
    except json.JSONDecodeError as error:
        raise TopologyError(f"the order is not JSON: {error}") from error
    if not root.is_null("rack"):
        return RackOrder(from_fields(root.child("rack")), root.text("target"))
    return ExerciseOrder(
        Path(root.text("file")), root.text("name"), tuple(root.texts("programs")), root.text("target")
    )
