"""`rackplane up`: start a rack and a prompt, or leave the rack running."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rackplane.cli.options import named_rack, rack_options
from rackplane.cli.output import end_on_signals, json_option, print_json, reports, require_root, step
from rackplane.topologies import state
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.order import ExerciseOrder, Order, RackOrder
from rackplane.topologies.prompt import prompt_of
from rackplane.topologies.rack import DEFAULT_NAME
from rackplane.topologies.server import start_detached
from rackplane.topologies.session import RackSession

_RACK = "rack"
_RACK_OPTIONS = ("compute", "memory", "capacity")


@click.command()
@click.argument("topology", metavar="rack|FILE.json")
@rack_options
@click.option(
    "--program",
    "programs",
    multiple=True,
    metavar="[SWITCH=]FILE.p4",
    help="With FILE.json: the program of a switch, or of those that run one of this name, or of all.",
)
@click.option("--name", default=DEFAULT_NAME, show_default=True, help="Another name lets a second rack run beside.")
@click.option("--detach", is_flag=True, help="Leave the rack running; `rackplane down` ends it.")
@json_option
@click.pass_context
@reports(LaunchError, TopologyError)
def up(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context,
    topology: str,
    compute: int,
    memory: int,
    capacity: int,
    target: str,
    programs: tuple[str, ...],
    name: str,
    detach: bool,
    as_json: bool,
) -> None:
    """Start a rack (compute and memory blades around one switch), or what a FILE.json describes, and a prompt.

    FILE.json is a topology.json of the P4 tutorials: hosts, switches with their sN-runtime.json, links.
    The rack ends with the prompt, with Ctrl-C, and with this process however that ends. With --json, what is known
    of the running rack is printed.
    """
    require_root("a rack")
    order: Order
    if topology == _RACK:
        _refuse(ctx, ("programs",), "a rack runs mind.p4: give a FILE.json to run a program of your own")
        order = RackOrder(named_rack(compute, memory, capacity, name), target)
    else:
        _refuse(ctx, _RACK_OPTIONS, "what a FILE.json describes has no blades")
        order = ExerciseOrder(Path(topology).resolve(), name, programs, target)
    if detach:
        order.resolve()
        start_detached(order, step)
        _announce(name, as_json)
        if not as_json:
            click.echo(f"The rack {name} is up. `rackplane down{_named(name)}` ends it.", err=True)
    else:
        _hold(order, as_json)


def _refuse(ctx: click.Context, options: tuple[str, ...], why: str) -> None:
    for option in options:
        if ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option.removesuffix('s')} does not go with this: {why}")


def _named(name: str) -> str:
    return "" if name == DEFAULT_NAME else f" {name}"


def _hold(order: Order, as_json: bool) -> None:
    topology, planner = order.resolve()
    with end_on_signals(), RackSession(topology, planner, step) as running:
        _announce(order.name, as_json)
        try:
            prompt_of(running).cmdloop()
        except KeyboardInterrupt:
            click.echo()


def _announce(name: str, as_json: bool) -> None:
    if as_json:
        print_json(json.loads((state.run_directory(name) / state.STATE_FILE).read_text()))
