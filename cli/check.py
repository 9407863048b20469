"""`rackplane check SYSTEM`: search every state of a bounded model of a system's protocol."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from rackplane.cli.output import json_option, print_json, reports
from rackplane.compiler.errors import CompileErrors
from rackplane.experiments.protocol_model.suite import DEEP, QUICK, Case, Searched, check
from rackplane.experiments.protocol_model.table import TableError, TransitionTable, mutations, read_table
from rackplane.topologies.mind import PROGRAM


@click.group("check")
def check_group() -> None:
    """Search every state of a bounded model of a protocol, over the transition table that the switch runs."""


@check_group.command("mind")
@click.option(
    "--deep", is_flag=True, help="More racks: losses, repeated packets, recalls, evictions, three blades."
)
@click.option("--most-states", type=click.IntRange(1000, 50_000_000), default=2_000_000, show_default=True)
@click.option(
    "--mutations", "with_mutations", is_flag=True, help="Also change every row in every way; list what is missed."
)
@json_option
@click.pass_context
@reports(CompileErrors, TableError)
def check_mind(ctx: click.Context, deep: bool, most_states: int, with_mutations: bool, as_json: bool) -> None:
    """One writer or many readers, no old value, nothing lost, no deadlock: in every reachable state.

    The exit status is 1 if a state breaks that, or a search ended before it had seen every state.
    """
    table = read_table(PROGRAM)
    cases = DEEP if deep else QUICK
    show = (lambda _: None) if as_json else _tell
    results = check(table, cases, most_states, show)
    missed = _missed(table, cases, most_states, quiet=as_json) if with_mutations else None
    if as_json:
        print_json({"cases": [_plain(result) for result in results], "mutations_missed": missed})
    elif missed is not None:
        click.echo(f"{len(missed)} mutations of the table are not noticed:")
        for name in missed:
            click.echo(f"  {name}")
    held = all(result.found.complete and not result.found.fault for result in results)
    ctx.exit(0 if held else 1)


def _tell(result: Searched) -> None:
    found = result.found
    verdict = found.fault or ("holds" if found.complete else "not searched to the end: raise --most-states")
    click.echo(f"{result.case.name:40} {found.states:>9} states  {verdict}")
    if found.fault:
        table = Table(box=None, show_header=False, pad_edge=False)
        for number, step in enumerate(found.steps, start=1):
            table.add_row(f"{number:>4}", step)
        Console().print(table)


def _plain(result: Searched) -> dict[str, object]:
    return {"name": result.case.name, "bounds": asdict(result.case.bounds), **asdict(result.found)}


def _missed(table: TransitionTable, cases: tuple[Case, ...], most_states: int, *, quiet: bool) -> list[str]:
    changed = list(mutations(table))
    missed = []
    with click.progressbar(changed, label="mutations", hidden=quiet, item_show_func=_name) as bar:
        for name, mutated in bar:
            if not any(result.found.fault for result in check(mutated, cases, most_states)):
                missed.append(name)
    return missed


def _name(item: tuple[str, TransitionTable] | None) -> str:
    return item[0] if item else ""
