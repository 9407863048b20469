"""`rackplane bench switch`: compiled P4 programs against a bare redirect and against BMv2."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from rackplane.cli.output import end_on_signals, json_option, print_json, reports, require_root
from rackplane.compiler.clang import ClangMissing
from rackplane.compiler.errors import CompileErrors
from rackplane.ebpf.errors import EbpfError
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.experiments.switch_speed.measure import PARTS, Bench, Effort
from rackplane.experiments.switch_speed.report import Result
from rackplane.experiments.switch_speed.subjects import SUBJECTS
from rackplane.switch.errors import SwitchError


@click.command("switch")
@click.option(
    "--programs",
    type=click.Choice(sorted(SUBJECTS)),
    multiple=True,
    default=tuple(SUBJECTS),
    help="Measure the throughput of this program of p4src (may be repeated). [default: all]",
)
@click.option(
    "--packets", type=click.IntRange(1000, 1 << 30), default=2_000_000, show_default=True, help="A round."
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=7, show_default=True)
@click.option(
    "--parts",
    type=click.Choice(PARTS),
    multiple=True,
    default=PARTS,
    help="Measure this part only (may be repeated). [default: all]",
)
@json_option
@click.pass_context
@reports(BenchError, SwitchError, CompileErrors, ClangMissing, EbpfError)
def switch_bench(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context,
    programs: tuple[str, ...],
    packets: int,
    rounds: int,
    parts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Packets per second, cost of a packet and of lookups, compile times and P4Runtime entries per second.

    A bare redirect on the same links and, where it is installed, BMv2 are measured in the same run. The exit status
    is 1 if a goal is missed.
    """
    require_root("the benchmark")
    effort = Effort(parts=parts, programs=programs, packets=packets, rounds=rounds)
    with end_on_signals():
        result = Bench(effort, max(os.sched_getaffinity(0)), _say).run()
    if as_json:
        print_json({**asdict(result), "goals": [asdict(goal) for goal in result.goals], "held": result.held})
    else:
        _show(result)
    ctx.exit(0 if result.held else 1)


def _say(text: str) -> None:
    click.echo(f"  ... {text}", err=True)


def _show(result: Result) -> None:
    console = Console()
    tables: Sequence[Callable[[Result], Table | None]] = (
        _passages,
        _alone,
        _lookups,
        _compilations,
        _rates,
        _goals,
    )
    for make in tables:
        table = make(result)
        if table is not None:
            console.print(table)
            console.print()
    machine = result.machine
    console.print(f"{machine.processor}, {machine.processors} processors, Linux {machine.kernel}, {machine.system}")


def _table(rows: Sequence[tuple[str, ...]], *columns: str) -> Table | None:
    """The first column is text, the others are numbers; nothing without rows."""
    if not rows:
        return None
    table = Table(box=None, header_style="dim", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _passages(result: Result) -> Table | None:
    rows = [
        (
            one.program,
            f"{one.frame_bytes}",
            f"{one.pps:,.0f}",
            f"{one.bare_pps:,.0f}",
            f"{one.share_of_bare:.2f}",
            f"{one.lost}",
            _number(one.bmv2_best_pps, ",.0f"),
            _number(one.times_bmv2, ".0f"),
        )
        for one in result.throughput
    ]
    return _table(rows, "program", "bytes", "packets/s", "bare", "share", "lost", "BMv2's best", "times")


def _alone(result: Result) -> Table | None:
    rows = [
        (one.program, f"{one.ns_per_packet:.0f}", f"{one.instructions}", f"{one.machine_code_bytes}")
        for one in result.single
    ]
    return _table(rows, "program alone", "ns/packet", "instructions", "machine code B")


def _lookups(result: Result) -> Table | None:
    rows = [
        (
            one.kind,
            f"{one.entries:,}",
            f"{one.masks}",
            f"{one.ns_per_packet:.0f}",
            f"{one.live_ns_per_packet:.0f}",
        )
        for one in result.lookup
    ]
    return _table(rows, "lookup", "entries", "masks", "ns/packet alone", "over the links")


def _compilations(result: Result) -> Table | None:
    rows = [
        (
            one.program,
            f"{one.cold_s:.2f}",
            f"{one.cached_s:.2f}",
            f"{one.cold_process_s:.2f}",
            f"{one.cached_process_s:.2f}",
        )
        for one in result.compilation
    ]
    return _table(rows, "compile", "cold s", "cached s", "process cold s", "process cached s")


def _rates(result: Result) -> Table | None:
    rows = [
        (one.target, one.operation, f"batch {one.batch}" if one.batch else "all", f"{one.per_second:,.0f}")
        for one in sorted(result.entry_rates, key=lambda one: (one.operation, one.batch, one.target))
    ]
    return _table(rows, "P4Runtime", "", "", "entries/s")


def _goals(result: Result) -> Table | None:
    words = {True: "held", False: "missed", None: "not measured"}
    rows = [(goal.name, goal.bound, _number(goal.value, ".2f"), words[goal.held]) for goal in result.goals]
    return _table(rows, "goal", "bound", "value", "")
