"""The command `rackplane`: one module per verb, imported when the verb is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Verb:
    """Where a verb's click command is (`module:attribute` below rackplane.cli), and its line in the list."""

    place: str
    help: str


VERBS = {
    "demo": Verb("demo:demo", "Bring up a rack, run PageRank in its memory, check and show the result."),
    "doctor": Verb("doctor:doctor", "Show what this machine has and lacks, and how to mend it."),
    "up": Verb("up:up", "Start a rack, or what a topology file describes, and a prompt."),
    "exec": Verb("exec:exec_", "Run a command on a host of a running rack."),
    "down": Verb("down:down", "End a running rack and remove what crashed ones left."),
    "shell": Verb("shell:shell", "Open p4runtime-shell on the running switch."),
    "ctl": Verb("ctl:ctl", "Commands of the control planes: ctl mind alloc, free, protect, regions, stats."),
    "bench": Verb("bench:bench", "Benchmarks against peers, in one run: bench memory, bench switch."),
    "fuzz": Verb("fuzz:fuzz_", "Send made-up packets through the switch's programs and check what comes of it."),
    "check": Verb("check:check_group", "Search every state of a protocol's model: check mind."),
    "compile": Verb("compile:compile_", "Compile a P4 program to XDP; errors show file, line and column."),
    "trace": Verb("trace:trace", "Show what packets meet in the running switch: states, tables, actions, drops."),
    "capture": Verb("capture:capture", "Capture the frames on links of a running rack, also those that XDP takes."),
    "show": Verb(
        "show:show", "Show what the running switch has: show tables, table, registers, counters, groups, ..."
    ),
    "stf": Verb("stf:stf", "Run STF packet tests on --target xdp or bmv2."),
    "systems": Verb(
        "systems:systems", "List the systems of the rack: where they live, what they were shown to do."
    ),
}


class LazyGroup(click.Group):
    """A group that imports the module of a verb only when the verb is used: the list of verbs costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, attribute = verb.place.split(":")
        command = getattr(importlib.import_module(f"rackplane.cli.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"rackplane.cli.{verb.place} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rackplane")
def main() -> None:
    """A disaggregated rack on one Linux machine: P4 compiled to XDP, eBPF memory blades, shared memory."""
