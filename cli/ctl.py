"""`rackplane ctl`: the control planes' own commands, on a running rack."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from rackplane.cli.options import Size
from rackplane.cli.output import json_option, print_json, reports, require_root
from rackplane.control.mind.client import Client
from rackplane.control.service import ServiceError
from rackplane.topologies import state
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.rack import DEFAULT_NAME


class Number(click.ParamType[int]):
    """A number, decimal or with 0x."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        try:
            return value if isinstance(value, int) else int(str(value), 0)
        except ValueError:
            self.fail(f"{value!r} is no number; write for example 0x10000000000", param, ctx)


_failures = reports(ServiceError, TopologyError)
_domain = click.option("--domain", type=click.IntRange(1, 65535), required=True, help="Protection domain.")
_rights = click.option("--rights", type=click.Choice(["r", "w", "rw", "-"]), default="rw", show_default=True)


@click.group()
def ctl() -> None:
    """Commands of the control planes, on a running rack."""


@ctl.group()
@click.option("--rack", "name", default=DEFAULT_NAME, show_default=True, help="The rack's name.")
@click.pass_context
def mind(ctx: click.Context, name: str) -> None:
    """MIND: allocation, protection and coherence regions of rack memory."""
    ctx.obj = name


def _client(ctx: click.Context) -> Client:
    require_root("the control plane's socket")
    return Client(Path(state.load(str(ctx.obj)).control))


@mind.command()
@click.argument("size", type=Size())
@click.option("--domain", type=click.IntRange(1, 65535), help="Protection domain. [default: a new one]")
@_rights
@click.option("--direct", is_flag=True, help="Not cached by compute blades: read and written remotely.")
@click.option(
    "--region", type=Size(), default=0, help="Bytes of a coherence region, 4K to 2M. [default: 16K or more]"
)
@json_option
@click.pass_context
@_failures
def alloc(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context, size: int, domain: int | None, rights: str, direct: bool, region: int, as_json: bool
) -> None:
    """Allocate SIZE bytes (64K, 1M, ...) on the least-loaded memory blade."""
    client = _client(ctx)
    owner = domain if domain is not None else client.new_domain()
    given = client.alloc(size, owner, rights, coherent=not direct, region_size=region)
    result = {
        "va": given.va,
        "size": given.size,
        "domain": owner,
        "regions": given.regions,
        "region_size": given.region_size,
    }
    if as_json:
        print_json(result)
    else:
        regions = f", {given.regions} regions of {given.region_size} bytes" if given.regions else ", direct"
        click.echo(f"{given.va:#x}: {given.size} bytes for domain {owner}{regions}")


@mind.command()
@click.argument("va", type=Number())
@click.option("--force", is_flag=True, help="Even if a compute blade that holds a copy does not answer.")
@json_option
@click.pass_context
@_failures
def free(ctx: click.Context, va: int, force: bool, as_json: bool) -> None:
    """Give back the range that starts at VA."""
    size = _client(ctx).free(va, force=force)
    if as_json:
        print_json({"va": va, "size": size})
    else:
        click.echo(f"{va:#x}: {size} bytes are free again")


@mind.command()
@click.argument("va", type=Number())
@click.argument("length", type=Size())
@_domain
@_rights
@json_option
@click.pass_context
@_failures
def protect(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context, va: int, length: int, domain: int, rights: str, as_json: bool
) -> None:
    """Set the rights of a domain over LENGTH bytes from VA on."""
    counts = _client(ctx).protect(va, length, domain, rights)
    if as_json:
        print_json(counts)
    else:
        click.echo(", ".join(f"{name} {value}" for name, value in counts.items()))


@mind.command()
@click.option("--start", type=Number(), default=0, help="From this address on.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@json_option
@click.pass_context
@_failures
def regions(ctx: click.Context, start: int, limit: int, as_json: bool) -> None:
    """List coherence regions and their directory entries."""
    found = _client(ctx).regions(start, limit)
    if as_json:
        print_json(found)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in found[0] if found else ():
        table.add_column(column)
    for region in found:
        table.add_row(*(_cell(name, value) for name, value in region.items()))
    Console().print(table if found else "no regions")


def _cell(name: str, value: object) -> str:
    return f"{value:#x}" if name == "va" and isinstance(value, int) else str(value)


@mind.command()
@json_option
@click.pass_context
@_failures
def stats(ctx: click.Context, as_json: bool) -> None:
    """Show the use of memory and directory, and what the switch counted."""
    found = _client(ctx).stats()
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, dict):
            click.echo(f"{name}:")
            for key, inner in value.items():
                click.echo(f"  {key}: {inner}")
        else:
            click.echo(f"{name}: {value}")
