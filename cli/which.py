"""Which switch a verb speaks to: one of a running rack, or one that was started alone."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from rackplane.cli.output import require_root
from rackplane.switch.daemon import READY_FILE
from rackplane.topologies import state
from rackplane.topologies.fields import Fields, TopologyError
from rackplane.topologies.rack import DEFAULT_NAME


@dataclass(frozen=True)
class Reached:
    """How a switch is reached. `state_dir` has its control socket; `ports` are names for people, by number."""

    address: str
    device_id: int
    target: str = "xdp"
    state_dir: Path | None = None
    ports: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Which:
    """The options that name a switch."""

    rack: str
    switch: str | None
    address: str | None
    device_id: int | None
    state_dir: Path | None

    def reach(self) -> Reached:
        """Find it. Raises TopologyError."""
        if self.address is not None:
            return Reached(self.address, 1 if self.device_id is None else self.device_id, state_dir=self.state_dir)
        if self.state_dir is not None:
            return self._alone(self.state_dir)
        require_root("the rack's state")
        rack = state.load(self.rack)
        name = self.switch or next(iter(rack.switches), "")
        known = rack.switch(name)
        device = known.device_id if self.device_id is None else self.device_id
        return Reached(known.grpc, device, rack.target, Path(known.state_dir), port_names(rack, name))

    def _alone(self, directory: Path) -> Reached:
        path = directory / READY_FILE
        try:
            facts = Fields(json.loads(path.read_text()), str(path))
        except (OSError, ValueError) as e:
            raise TopologyError(f"no switch is ready in {directory}: {path} cannot be read ({e})") from e
        ports = facts.child("ports")
        names = {int(number): ports.text(number) for number in ports if number.isdigit()}
        return Reached(facts.text("grpc"), facts.number("device_id"), state_dir=directory, ports=names)


def port_names(rack: state.RackState, switch: str) -> dict[int, str]:
    """The ports of a rack's switch: the interface, and who is at the other end."""
    names = {}
    for cable in rack.fabric.cables:
        for near, far in ((cable.first, cable.second), (cable.second, cable.first)):
            if near.node == switch:
                names[near.port] = f"{near.interface}, {far.node}"
    return names


def switch_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that name a switch; it gets them as one argument, `which`."""

    @click.option("--rack", default=DEFAULT_NAME, show_default=True, help="The rack's name.")
    @click.option("--switch", help="Of a rack with several switches, which one. [default: the first]")
    @click.option("--grpc", "address", help="A switch that belongs to no rack, HOST:PORT.")
    @click.option("--device-id", type=click.IntRange(0), help="Its device id. [default: 1, or the rack's own]")
    @click.option(
        "--state-dir",
        type=click.Path(path_type=Path),
        help="A switch that belongs to no rack, by the folder that it was started with.",
    )
    @functools.wraps(verb)
    def wrapped(
        *args: Any,  # noqa: ANN401
        rack: str,
        switch: str | None,
        address: str | None,
        device_id: int | None,
        state_dir: Path | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return verb(*args, which=Which(rack, switch, address, device_id, state_dir), **kwargs)

    return wrapped
