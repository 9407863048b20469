"""python -m rackplane.control.mind: MIND's control plane."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import click

from rackplane.control.mind.daemon import Settings, StartError, run
from rackplane.control.mind.rack import RackError, read_rack
from rackplane.control.mind.regions import DEFAULT_SLOTS
from rackplane.control.p4runtime import WriteError
from rackplane.control.service import ServiceError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--switch", "address", required=True, help="P4Runtime server of the switch, HOST:PORT.")
@click.option("--device-id", default=1, show_default=True, type=click.IntRange(0))
@click.option("--p4info", required=True, type=_FILE, help="P4Info of mind.p4.")
@click.option("--config", required=True, type=_FILE, help="Device configuration: our bundle, or BMv2's JSON.")
@click.option("--rack", "rack_file", required=True, type=_FILE, help="The rack, as a topology wrote it.")
@click.option("--listen", required=True, type=click.Path(path_type=Path), help="Socket file to serve at.")
@click.option("--slots", default=DEFAULT_SLOTS, show_default=True, type=click.IntRange(1, 32768))
@click.option(
    "--epoch",
    default=0.0,
    type=click.FloatRange(0, 60),
    help="Seconds between two rounds of region splitting; 0: none.",
)
@click.option("--verbose", is_flag=True, help="Log what is done.")
def main(  # noqa: PLR0913, PLR0917  one argument per option
    address: str,
    device_id: int,
    p4info: Path,
    config: Path,
    rack_file: Path,
    listen: Path,
    slots: int,
    epoch: float,
    verbose: bool,
) -> None:
    """Program a rack's switch as MIND, and serve allocation, protection and statistics."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s")
    settings = Settings(address, p4info, config, device_id, slots, epoch=epoch)
    try:
        asyncio.run(_serve(settings, rack_file, listen))
    except (StartError, RackError, WriteError, ServiceError, OSError) as error:
        raise click.ClickException(str(error)) from error


async def _serve(settings: Settings, rack_file: Path, listen: Path) -> None:
    task = asyncio.ensure_future(run(settings, read_rack(rack_file.read_text()), listen))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("stopped")


if __name__ == "__main__":
    main()
