"""`rackplane demo`: the main job."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from rackplane.cli.options import Size, named_rack, rack_options
from rackplane.cli.output import IterationLine, end_on_signals, json_option, print_json, reports, require_root, step
from rackplane.experiments.pagerank.crew import JobError
from rackplane.experiments.pagerank.graph import Graph, GraphError, read_edge_list
from rackplane.experiments.pagerank.job import JobOptions, run_job
from rackplane.experiments.pagerank.kernel import Settings
from rackplane.experiments.pagerank.packages import machine_graph
from rackplane.experiments.pagerank.report import Report
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.mind import mind_planner
from rackplane.topologies.rack import DEFAULT_NAME
from rackplane.topologies.session import RackSession
from rackplane.topologies.state import RackState

_MACHINE = "the dependencies of Debian packages that apt knows on this machine"


@click.command()
@rack_options
@click.option(
    "--graph",
    type=click.Path(dir_okay=False, path_type=Path),
    help="An edge list: two columns, source and target, '#' begins a comment. Default: this machine's packages.",
)
@click.option(
    "--iterations", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0.0),
    default=1e-6,
    show_default=True,
    help="Stop when all ranks together change by no more.",
)
@click.option(
    "--cache", type=Size(), default=0, help="Bytes of rack memory that a compute blade caches. [default: 64M]"
)
@click.option("--name", default=DEFAULT_NAME, show_default=True, help="The rack's name.")
@json_option
@click.pass_context
@reports(LaunchError, TopologyError, GraphError, JobError)
def demo(  # noqa: PLR0913, PLR0917 (one argument per option)
    ctx: click.Context,
    compute: int,
    memory: int,
    capacity: int,
    target: str,
    graph: Path | None,
    iterations: int,
    tolerance: float,
    cache: int,
    name: str,
    as_json: bool,
) -> None:
    """Bring up a rack, run PageRank in its memory, check and show the result.

    Graph, ranks and the workers' barrier are in rack memory; one worker process on each compute blade reaches them
    by plain loads and stores. The exit status is 1 if the ranks differ from a local computation's.
    """
    require_root("the demo")
    wanted = named_rack(compute, memory, capacity, name)
    planner = mind_planner(wanted, target)
    options = JobOptions(Settings(0.85, tolerance, iterations), cache)
    with step("graph read"):
        data, source = (read_edge_list(graph), str(graph)) if graph else (machine_graph(), _MACHINE)
    with end_on_signals(), RackSession(wanted, planner, step) as running:
        report = _run(running, data, source, options)
    if as_json:
        print_json(report.as_data())
    else:
        show(report)
    ctx.exit(0 if report.check.held else 1)


def _run(running: RackState, data: Graph, source: str, options: JobOptions) -> Report:
    line = IterationLine()
    with step(f"PageRank of {data.nodes} nodes and {data.edges} edges"):
        try:
            return run_job(running, data, source, options, line.show)
        finally:
            line.clear()


def show(report: Report) -> None:
    """The report as tables."""
    console = Console()
    console.print(
        f"\n[bold]PageRank[/] of {report.source}: {report.nodes} nodes, {report.edges} edges, "
        f"{report.rack_bytes / 2**20:.1f} MiB of rack memory",
        soft_wrap=True,
    )
    console.print(_top(report))
    verdict = "[green]held[/]" if report.check.held else "[red]FAILED[/]"
    console.print(
        f"{report.iterations} iterations in {report.seconds:.2f} s (graph stored in {report.load_seconds:.2f} s), "
        f"last change {report.change:.1e}\nCheck against a local computation: {verdict}; largest difference "
        f"{report.check.largest_difference:.1e}, allowed {report.check.allowed:.0e}\n",
        soft_wrap=True,
    )
    console.print(_blades(report))
    console.print(_ports(report))


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, header_style="dim", pad_edge=False
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _top(report: Report) -> Table:
    table = _table("Highest ranks", "name", "rank")
    for node in report.top:
        table.add_row(node.name, f"{node.rank:.6f}")
    return table


def _blades(report: Report) -> Table:
    counts = ("faults", "invalidations", "write-backs", "pushes", "evictions")
    table = _table("Compute blades", "blade", *counts, "read us, p50", "p99")
    for blade in report.blades:
        row = (blade.faults, blade.invalidations, blade.write_backs, blade.pushes, blade.evictions)
        latencies = (blade.remote_read_p50_us, blade.remote_read_p99_us)
        table.add_row(blade.blade, *map(str, row), *(f"{value:.1f}" for value in latencies))
    return table


def _ports(report: Report) -> Table:
    table = _table("\nSwitch ports", "port", "blade", "packets in", "bytes in", "packets out", "bytes out")
    for port in report.ports:
        counts = (port.packets_in, port.bytes_in, port.packets_out, port.bytes_out)
        table.add_row(port.interface, port.blade, *map(str, counts))
    return table
