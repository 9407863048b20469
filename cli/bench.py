"""`rackplane bench AREA`: benchmarks against peers and against the physical limit, in one run."""

from __future__ import annotations

import os
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from rackplane.cli.bench_switch import switch_bench
from rackplane.cli.options import named_rack, rack_options
from rackplane.cli.output import end_on_signals, json_option, print_json, reports, require_root, step
from rackplane.experiments.memory_latency.bench import BenchError, Effort, Result, run
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.mind import mind_planner
from rackplane.topologies.session import RackSession

_NAME = "bench"


@click.group()
def bench() -> None:
    """Measure a part of the rack against its peers; every ratio is from one run."""


bench.add_command(switch_bench)


@bench.command("memory")
@rack_options
@click.option("--rounds", type=click.IntRange(1, 1000), default=7, show_default=True)
@click.option("--reads", type=click.IntRange(100, 10_000_000), default=20_000, show_default=True, help="A round.")
@json_option
@click.pass_context
@reports(LaunchError, TopologyError, BenchError)
def memory_bench(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context,
    compute: int,
    memory: int,
    capacity: int,
    target: str,
    rounds: int,
    reads: int,
    as_json: bool,
) -> None:
    """Explicit reads and read faults through the rack, against a bare redirect and reflector on the same links.

    The exit status is 1 if a goal is missed.
    """
    require_root("the benchmark")
    wanted = named_rack(compute, memory, capacity, _NAME)
    cpu = min(os.sched_getaffinity(0))
    with (
        end_on_signals(),
        RackSession(wanted, mind_planner(wanted, target), step) as state,
        step(f"{rounds} rounds of {reads} reads on both paths, then faults"),
    ):
        result = run(state, Effort(rounds, reads), cpu, lambda text: None)
    if as_json:
        print_json({**asdict(result), "held": result.held})
    else:
        _show(result)
    ctx.exit(0 if result.held else 1)


def _show(result: Result) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("access", "p50 us", "p99 us", "goal"):
        table.add_column(column, justify="left" if column == "access" else "right")
    rack, bare = (max(r.rack.p99_us for r in result.rounds), max(r.bare.p99_us for r in result.rounds))
    size = result.read_bytes
    table.add_row(f"explicit {size} B read, P4 switch", f"{result.rack_read_p50_us:.2f}", f"{rack:.2f}", "")
    table.add_row("same, bare redirect and reflector", f"{result.bare_read_p50_us:.2f}", f"{bare:.2f}", "")
    table.add_row("  ratio", f"{result.read_ratio:.2f}", "", f"<= {result.read_ratio_goal:g}")
    fault = result.fault
    table.add_row(
        "4 KiB read fault", f"{fault.p50_us:.2f}", f"{fault.p99_us:.2f}", f"<= {result.fault_goal_us:g} us"
    )
    console = Console()
    machine = result.machine
    console.print(table)
    console.print(f"{machine.processor}, {machine.processors} processors, Linux {machine.kernel}, {machine.system}")
