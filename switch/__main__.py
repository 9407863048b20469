"""`python -m rackplane.switch`: one switch in the foreground."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from rackplane.switch.daemon import DaemonOptions, run
from rackplane.switch.errors import SwitchError
from rackplane.switch.server import ServerOptions

MAX_DEVICE_ID = (1 << 64) - 1


def _ports(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[int, str]:
    ports: dict[int, str] = {}
    for value in values:
        number, _, name = value.partition("=")
        if not number.isdigit() or not name:
            raise click.BadParameter(f"{value!r} is not PORT=INTERFACE, such as 1=s1-eth1")
        if int(number) in ports:
            raise click.BadParameter(f"port {number} is given twice")
        ports[int(number)] = name
    return ports


@click.command()
@click.option(
    "--grpc", "address", default="127.0.0.1:9559", show_default=True, help="HOST:PORT; port 0: any free one."
)
@click.option("--device-id", type=click.IntRange(0, MAX_DEVICE_ID), default=1, show_default=True)
@click.option("--port", "ports", multiple=True, callback=_ports, help="PORT=INTERFACE, once per port.")
@click.option(
    "--cpu-port", type=click.IntRange(1, 65535), help="Make a CPU port of this number for packet-in and -out."
)
@click.option("--program", type=click.Path(path_type=Path), help="A compiled bundle to run from the start.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="Write ready.json here while the switch is ready."
)
@click.option("--until-eof", is_flag=True, help="End when standard input ends.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def main(  # noqa: PLR0913,PLR0917
    address: str,
    device_id: int,
    ports: dict[int, str],
    cpu_port: int | None,
    program: Path | None,
    state_dir: Path | None,
    until_eof: bool,
    log_level: str,
) -> None:
    """Run a P4 switch in the kernel (XDP) and serve P4Runtime for it. Needs root."""
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    server = ServerOptions(address, device_id, ports, cpu_port)
    try:
        run(DaemonOptions(server, state_dir, program, until_eof))
    except SwitchError as e:
        raise click.ClickException(str(e)) from e


if __name__ == "__main__":
    main()
