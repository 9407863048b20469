"""`rackplane up`: start a rack and a prompt, or leave the rack running."""

from __future__ import annotations

import json

import click

from rackplane.cli.options import named_rack, rack_options
from rackplane.cli.output import end_on_signals, json_option, print_json, reports, require_root, step
from rackplane.topologies import state
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.mind import mind_planner
from rackplane.topologies.prompt import RackPrompt
from rackplane.topologies.rack import DEFAULT_NAME, Rack
from rackplane.topologies.server import start_detached
from rackplane.topologies.session import RackSession


@click.command()
@click.argument("topology", type=click.Choice(["rack"]))
@rack_options
@click.option("--name", default=DEFAULT_NAME, show_default=True, help="Another name lets a second rack run beside.")
@click.option("--detach", is_flag=True, help="Leave the rack running; `rackplane down` ends it.")
@json_option
@reports(LaunchError, TopologyError)
def up(  # noqa: PLR0913, PLR0917 (one argument per option)
    topology: str, compute: int, memory: int, capacity: int, target: str, name: str, detach: bool, as_json: bool
) -> None:
    """Start a TOPOLOGY (rack: compute and memory blades around one switch) and a prompt.

    The rack ends with the prompt, with Ctrl-C, and with this process however that ends. With --json, what is known
    of the running rack is printed.
    """
    del topology  # there is one
    require_root("a rack")
    wanted = named_rack(compute, memory, capacity, name)
    if detach:
        start_detached(wanted, target, step)
        _announce(name, as_json)
        if not as_json:
            click.echo(f"The rack {name} is up. `rackplane down` ends it.", err=True)
    else:
        _hold(wanted, target, as_json)


def _hold(wanted: Rack, target: str, as_json: bool) -> None:
    with end_on_signals(), RackSession(wanted, mind_planner(target), step) as running:
        _announce(wanted.name, as_json)
        try:
            RackPrompt(running).cmdloop()
        except KeyboardInterrupt:
            click.echo()


def _announce(name: str, as_json: bool) -> None:
    if as_json:
        print_json(json.loads((state.run_directory(name) / state.STATE_FILE).read_text()))
