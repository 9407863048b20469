"""`python -m rackplane.hosts.memory`: a memory blade on an interface of this network namespace."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import click

from rackplane.ebpf.errors import EbpfError
from rackplane.ebpf.memory_blade import MemoryBladeOptions
from rackplane.hosts.memory.control import ControlError
from rackplane.hosts.memory.process import run
from rackplane.hosts.memory.sizes import parse_size


@click.command()
@click.option("--interface", required=True, help="Where requests come in, for example m1-eth0.")
@click.option("--capacity", default="256M", show_default=True, help="Bytes of memory to serve.")
@click.option(
    "--control", type=click.Path(path_type=Path), required=True, help="Socket file for requests about it."
)
@click.option("--address", help="Serve requests to this IPv4 address only; else to any.")
@click.option("--queue-pairs", type=int, default=1024, show_default=True, help="How many are remembered at once.")
def main(interface: str, capacity: str, control: Path, address: str | None, queue_pairs: int) -> None:
    """Serve memory at an interface, in the kernel. Prints one JSON line when it is ready; SIGTERM ends it."""
    try:
        options = MemoryBladeOptions(
            capacity=parse_size(capacity),
            address=IPv4Address(address) if address else None,
            queue_pairs=queue_pairs,
        )
    except (ValueError, EbpfError) as error:
        raise click.UsageError(str(error)) from error
    try:
        run(interface, options, control, announce=click.echo)
    except (EbpfError, ControlError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
