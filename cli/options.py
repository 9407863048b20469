"""Options that several verbs have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from rackplane.switch.targets import NAMES
from rackplane.topologies.rack import DEFAULT_CAPACITY, DEFAULT_NAME, DEFAULT_SWITCH, MAX_BLADES, Rack, rack

F = TypeVar("F", bound=Callable[..., Any])
_SIZE = re.compile(r"(\d+)([KMGT]?)(?:i?B)?", re.IGNORECASE)


class Size(click.ParamType[int]):
    """A number of bytes: 4096, 64K, 256M, 1G."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no size; write for example 64K, 256M or 1G", param, ctx)
        return int(match.group(1)) << 10 * " KMGT".index(match.group(2).upper() or " ")


def rack_options(verb: F) -> F:
    """Add --compute, --memory, --capacity and --target."""
    blades = click.IntRange(1, MAX_BLADES)
    for option in (
        click.option(
            "--target", type=click.Choice(NAMES), default="xdp", show_default=True, help="What the switch is."
        ),
        click.option(
            "--capacity", type=Size(), default=DEFAULT_CAPACITY, help="Bytes of each memory blade. [default: 256M]"
        ),
        click.option("--memory", type=blades, default=2, show_default=True, help="Number of memory blades."),
        click.option("--compute", type=blades, default=2, show_default=True, help="Number of compute blades."),
    ):
        verb = option(verb)
    return verb


def named_rack(compute: int, memory: int, capacity: int, name: str) -> Rack:
    """A rack whose switch has a name of its own, unless it is the usual rack. Raises TopologyError."""
    switch = DEFAULT_SWITCH if name == DEFAULT_NAME else name
    return rack(compute, memory, capacity=capacity, name=name, switch=switch)
