"""`rackplane down`: end a rack, and remove what crashed ones left."""

from __future__ import annotations

import click

from rackplane.cli.output import json_option, print_json, reports, require_root
from rackplane.topologies import state
from rackplane.topologies.down import End, Outcome, take_down
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.rack import DEFAULT_NAME

_WORDS = {
    End.STOPPED: "ended",
    End.CLEANED: "had crashed; its leftovers are removed",
    End.NOTHING: "was not running",
}


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="End every rack of this machine.")
@json_option
@reports(LaunchError, TopologyError)
def down(names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """End the racks NAME (by default: rack), and remove what crashed racks of any name have left."""
    require_root("ending a rack")
    outcomes = [take_down(name) for name in _chosen(names, everything)]
    if as_json:
        print_json([_as_data(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            click.echo(f"The rack {outcome.name} {_WORDS[outcome.end]}.", err=True)
    left = [outcome for outcome in outcomes if outcome.left]
    if left:
        raise LaunchError("; ".join(f"of the rack {o.name}, these stay: {o.left}" for o in left))


def _chosen(names: tuple[str, ...], everything: bool) -> list[str]:
    crashed = [name for name in state.names() if everything or not state.is_alive(name)]
    return sorted({*(names or (() if everything else (DEFAULT_NAME,))), *crashed})


def _as_data(outcome: Outcome) -> dict[str, object]:
    return {
        "name": outcome.name,
        "end": outcome.end.value,
        "processes": list(outcome.left.processes),
        "interfaces": list(outcome.left.interfaces),
    }
