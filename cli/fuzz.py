"""`rackplane fuzz`: made-up packets through the programs of p4src."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
from dataclasses import asdict

import click

from rackplane.cli.output import json_option, print_json, reports, require_root, step
from rackplane.compiler.clang import ClangMissing
from rackplane.compiler.errors import CompileErrors
from rackplane.ebpf.errors import EbpfError
from rackplane.experiments.machine import this_machine
from rackplane.experiments.packet_fuzz.run import FuzzError, Outcome, fuzz
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.experiments.switch_speed.subjects import SUBJECTS
from rackplane.switch.errors import SwitchError


@click.command("fuzz")
@click.argument("programs", nargs=-1, type=click.Choice(sorted(SUBJECTS)))
@click.option("--packets", type=click.IntRange(1, 1 << 40), default=1_000_000, show_default=True, help="Of each.")
@click.option("--seed", type=int, default=1, show_default=True)
@json_option
@reports(FuzzError, BenchError, SwitchError, CompileErrors, ClangMissing, EbpfError)
def fuzz_(programs: tuple[str, ...], packets: int, seed: int, as_json: bool) -> None:
    """Send made-up packets through the compiled PROGRAMS of p4src (by default: all).

    They follow the parser's states or are damaged frames, of all lengths. The exit status is 1 if one breaks a rule
    of its program, or if tables, registers or what is forwarded are not what they were.
    """
    require_root("fuzzing")
    outcomes = [_apart(name, packets, seed) for name in programs or sorted(SUBJECTS)]
    if as_json:
        machine = asdict(this_machine())
        print_json({"machine": machine, "seed": seed, "outcomes": [asdict(outcome) for outcome in outcomes]})
        return
    for outcome in outcomes:
        shown = ", ".join(f"{n} {verdict}" for verdict, n in sorted(outcome.verdicts.items()))
        click.echo(
            f"{outcome.program}: {shown}, {outcome.live} live; {outcome.shortest} to {outcome.longest} bytes"
        )


def _apart(name: str, packets: int, seed: int) -> Outcome:
    """In a process of its own, whose network namespace goes with it."""
    receiver, sender = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(sender, name, packets, seed))
    with step(f"{name}.p4: {packets} packets"):
        process.start()
        sender.close()
        try:
            found = receiver.recv()
        except EOFError:
            process.join()
            raise FuzzError(f"{name}: the process ended with status {process.exitcode}") from None
        finally:
            process.join()
        if not isinstance(found, Outcome):
            raise FuzzError(f"{name}: {found}")
    return found


def _work(sender: multiprocessing.connection.Connection, name: str, packets: int, seed: int) -> None:
    try:
        sender.send(fuzz(SUBJECTS[name], packets, seed))
    except (FuzzError, BenchError, SwitchError, CompileErrors, ClangMissing, EbpfError) as error:
        sender.send(str(error))
