"""`rackplane shell`: p4runtime-shell on the running switch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from rackplane.cli.output import reports, require_root
from rackplane.switch import shell_env
from rackplane.switch.errors import SwitchError
from rackplane.topologies import state
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.rack import DEFAULT_NAME


@click.command()
@click.option("--rack", "name", default=DEFAULT_NAME, show_default=True, help="The rack's name.")
@click.option("--grpc", "address", help="A switch that belongs to no rack, HOST:PORT.")
@click.option("--device-id", type=click.IntRange(0), help="Its device id. [default: 1, or the rack's own]")
@click.option("--switch", help="Of a rack with several switches, the one to speak to. [default: the first]")
@click.option(
    "--election-id",
    type=click.IntRange(1, (1 << 128) - 1),
    default=1,
    show_default=True,
    help="Above the control plane's, the shell may write, and the control plane may not any more.",
)
@click.pass_context
@reports(TopologyError, SwitchError)
def shell(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context,
    name: str,
    address: str | None,
    device_id: int | None,
    switch: str | None,
    election_id: int,
) -> None:
    """Open p4runtime-shell on a running switch.

    The first use makes a Python environment for it beside this one. With the default election id it can read
    everything, and the rack's control plane stays in charge.
    """
    if address is None:
        require_root("the rack's state")
        known = state.load(name).switch(switch)
        address, device_id = known.grpc, known.device_id if device_id is None else device_id
    environment = Path(sys.prefix).parent / shell_env.DIRECTORY
    python = shell_env.ensure(environment, lambda text: click.echo(text, err=True))
    device = 1 if device_id is None else device_id
    ctx.exit(subprocess.run(shell_env.command(python, address, device, election_id), check=False).returncode)
