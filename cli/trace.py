"""`rackplane trace`: what packets meet in the running switch, or one packet in a program on its own."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import click
from rich.console import Console

from rackplane.cli.output import end_on_signals, json_option, reports, require_root, step
from rackplane.cli.tracejson import to_json
from rackplane.cli.tracestory import Teller
from rackplane.cli.tracetext import TextView
from rackplane.cli.which import Reached, Which, switch_options
from rackplane.compiler.backend.tracesites import TraceSites
from rackplane.compiler.bundle import Bundle, BundleError
from rackplane.compiler.clang import ClangMissing
from rackplane.compiler.driver import default_cache
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.traced import TracedProgram, compile_traced
from rackplane.switch import tracefilter
from rackplane.switch.controlsocket import SOCKET_FILE
from rackplane.switch.errors import SwitchError
from rackplane.switch.reader import SwitchReader
from rackplane.switch.stf.runner import watch_script
from rackplane.switch.stf.script import StfError
from rackplane.switch.target import SwitchSetup
from rackplane.switch.traceclient import TraceClient, TraceEnded
from rackplane.switch.tracerecords import Record, decode
from rackplane.switch.xdp import XdpTarget
from rackplane.topologies.fields import TopologyError

_WAIT_S = 0.25
_LAST_S = 0.05
_BMV2 = (
    "BMv2 traces by its own log, not by this command: start it with `simple_switch_grpc ... --log-console "
    "-L trace`, or start the rack with --target xdp"
)


@click.command()
@click.argument(
    "program", metavar="[PROGRAM.p4", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.argument(
    "script", metavar="TEST.stf]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--port", type=click.IntRange(0), help="Only packets that come in by this port.")
@click.option(
    "--filter", "filter_text", default="", help="Only packets with these fields: 'ipv4.ttl < 2 && udp.isValid()'."
)
@click.option("--dropped", is_flag=True, help="Only packets that the switch drops.")
@click.option("-n", "--count", type=click.IntRange(1), help="End after so many packets. [default: at Ctrl-C]")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="End after this time.")
@click.option("-v", "--verbose", is_flag=True, help="Show every assignment and select too.")
@json_option
@switch_options
@reports(TopologyError, SwitchError, StfError, BundleError, ClangMissing)
def trace(  # noqa: PLR0913, PLR0917 (one argument per option)
    which: Which,
    program: Path | None,
    script: Path | None,
    port: int | None,
    filter_text: str,
    dropped: bool,
    count: int | None,
    seconds: float | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Show what packets meet in a running switch, in the terms of its P4 program.

    Parser states with the headers they extract, conditions, tables with their keys, hit or miss and the action with
    its data, register and other extern calls, what the deparser changes, and where the packet goes or why it is
    dropped. While nobody traces it costs nothing: an instrumented build of the same program, on the same tables and
    registers, runs in place of the plain one only as long as this command does. --json prints one object per line.

    With PROGRAM.p4 and TEST.stf no rack is needed: a switch of its own gets the script's entries and packets, and
    the trace ends with the script.
    """
    require_root("tracing")
    if program is not None:
        if script is None:
            raise click.UsageError("a program is traced with the entries and packets of a TEST.stf: name one")
        trace_script(program, script, _Chooser(filter_text, port, dropped), verbose=verbose, as_json=as_json)
        return
    reached = which.reach()
    if reached.target != "xdp":
        raise click.ClickException(_BMV2)
    bundle, traced = _prepare(reached)
    control = _Chooser(filter_text, port, dropped).control(traced)
    teller = Teller(bundle.manifest, traced.errors, bundle.source)
    printer = _Printer(teller, None if as_json else TextView(teller, reached.ports, verbose))
    with end_on_signals(), TraceClient(_socket(reached), traced.object, control) as client:
        click.echo("tracing; Ctrl-C ends it", err=True)
        try:
            for record in Limits(count, seconds).apply(client, traced.sites):
                printer.show(record)
        except (KeyboardInterrupt, TraceEnded) as e:
            click.echo(f"{e}" if isinstance(e, TraceEnded) else "", err=True)
        if client.lost:
            click.echo(
                f"{client.lost} more packets were not shown: they came faster than they could be read", err=True
            )


class Source(Protocol):
    """Where records come from."""

    def receive(self, timeout: float) -> list[bytes]:
        """The records that have come, after waiting up to `timeout` s for the first."""


@dataclass(frozen=True)
class Limits:
    """When a trace ends: after `count` packets with their copies, or after some seconds."""

    count: int | None = None
    seconds: float | None = None

    def apply(self, source: Source, sites: TraceSites) -> Iterator[Record]:
        """The records until then; those that are printed later than they came count by when they came."""
        end = None if self.seconds is None else time.monotonic() + self.seconds
        chosen = _Chosen(self.count)
        while True:
            left = _WAIT_S if end is None else min(_WAIT_S, max(0.0, end - time.monotonic()))
            batch = source.receive(_LAST_S if chosen.full else left)
            for data in batch:
                record = decode(data, sites)
                if end is not None and record.time > end * 1e9:
                    return
                if chosen.takes(record):
                    yield record
            if not batch and (chosen.full or (end is not None and time.monotonic() >= end)):
                return


@dataclass
class _Chosen:
    """The first `limit` packets, and what became of them."""

    limit: int | None
    packets: int = 0
    ids: set[int] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether no more packets are wanted."""
        return self.limit is not None and self.packets >= self.limit

    def takes(self, record: Record) -> bool:
        """Whether a record is of one of the packets."""
        if self.limit is None:
            return True
        if not (record.parent in self.ids or (not record.parent and not self.full)):
            return False
        self.packets += not record.parent
        self.ids.add(record.id)
        return True


def _prepare(reached: Reached) -> tuple[Bundle, TracedProgram]:
    """The running program, and its traced build."""
    with SwitchReader(reached.address, reached.device_id) as reader:
        bundle = Bundle.from_bytes(reader.config().p4_device_config)
    try:
        with step(f"{bundle.manifest.source} compiled for tracing"):
            return bundle, compile_traced(bundle, default_cache())
    except CompileErrors as e:
        raise SwitchError(f"the running program cannot be traced: {e}") from e


def _socket(reached: Reached) -> Path:
    if reached.state_dir is None:
        raise click.ClickException(
            "a switch that belongs to no rack is traced through its folder: give --state-dir as it was started with"
        )
    return reached.state_dir / SOCKET_FILE


class _Printer:
    """Prints stories as they come."""

    def __init__(self, teller: Teller, view: TextView | None) -> None:
        self._teller = teller
        self._view = view
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self._console = Console(soft_wrap=True, highlight=False)
        self._number = 0

    def show(self, record: Record) -> None:
        """Print one record."""
        self._number += 1
        story = self._teller.tell(record)
        if self._view is None:
            click.echo(json.dumps(to_json(story, self._teller, self._epoch_ns)))
            return
        for line in self._view.lines(story, self._number, self._epoch_ns):
            self._console.print(line)


@dataclass(frozen=True)
class _Chooser:
    """Which packets are traced."""

    text: str
    port: int | None
    dropped: bool

    def control(self, traced: TracedProgram) -> bytes:
        """The control memory that says so. Raises FilterError."""
        return tracefilter.control(tracefilter.parse(self.text, traced.sites.headers), self.port, self.dropped)


def trace_script(program: Path, script: Path, chooser: _Chooser, *, verbose: bool, as_json: bool) -> None:
    """Trace the packets of an STF script in a switch of its own."""
    with tempfile.TemporaryDirectory(prefix="rackplane-trace-") as folder:
        target = XdpTarget()
        try:
            compiled = target.compile(program, Path(folder))
            bundle = Bundle.load(compiled.device_config)
            with step(f"{program.name} compiled for tracing"):
                traced = compile_traced(bundle, default_cache())
        except CompileErrors as e:
            raise SwitchError(f"{program} cannot be traced: {e}") from e
        teller = Teller(bundle.manifest, traced.errors, bundle.source)
        printer = _Printer(teller, None if as_json else TextView(teller, {}, verbose))

        @contextmanager
        def watch(setup: SwitchSetup) -> Iterator[None]:
            with TraceClient(setup.state_dir / SOCKET_FILE, traced.object, chooser.control(traced)) as client:
                yield
                while batch := client.receive(_LAST_S):
                    for data in batch:
                        printer.show(decode(data, traced.sites))

        watch_script(script, compiled, target, watch)
