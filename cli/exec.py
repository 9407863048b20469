"""`rackplane exec`: a command on a host of a running rack."""

from __future__ import annotations

import os

import click

from rackplane.cli.output import reports, require_root
from rackplane.topologies import checks, state
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.processes import marked_environment
from rackplane.topologies.rack import DEFAULT_NAME


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--rack", "name", default=DEFAULT_NAME, show_default=True, help="The rack's name.")
@click.argument("host")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@reports(LaunchError, TopologyError)
def exec_(name: str, host: str, command: tuple[str, ...]) -> None:
    """Run a COMMAND on a HOST of a running rack; its exit status becomes this command's.

    What it leaves running ends with the rack.
    """
    require_root("a rack's host")
    running = state.load(name)
    line = checks.host_command(running, host, command)
    try:
        os.execvpe(line[0], line, marked_environment(running.mark))  # noqa: S606 (no shell is wanted)
    except OSError as error:
        raise LaunchError(f"cannot run {line[0]}: {error.strerror}") from error
