"""`rackplane systems`: every system of the mission and its honest state."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from rackplane.cli.catalogue import SYSTEMS, State, System
from rackplane.cli.output import json_option, print_json

_STYLE = {State.WORKS: "green", State.PARTIAL: "yellow", State.PLANNED: "dim"}


@click.command()
@json_option
def systems(as_json: bool) -> None:
    """List the systems of the rack: where they live, how to run them, what they were shown to do."""
    if as_json:
        print_json([_as_data(system) for system in SYSTEMS])
    else:
        _show()


def _as_data(system: System) -> dict[str, object]:
    return {**asdict(system), "state": system.state.value}


def _show() -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("system", "state", "what it is", "run"):
        table.add_column(title, overflow="fold")
    for system in SYSTEMS:
        state = f"[{_STYLE[system.state]}]{system.state.value}[/]"
        table.add_row(system.title, state, system.what, system.run)
    console = Console()
    console.print(table)
    for system in SYSTEMS:
        if system.shown:
            console.print(f"\n[bold]{system.title}[/] ({', '.join(system.rooms)})\n  shown: {system.shown}")
            if system.missing:
                console.print(f"  missing: {system.missing}")
    counts = Counter(system.state for system in SYSTEMS)
    console.print("\n" + ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state]))
