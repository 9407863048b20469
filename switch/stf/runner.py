"""Running one STF script on one target: cables, a switch, the commands in order, and the comparison."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from finsy.proto import p4i, p4r
from google.protobuf import text_format

from rackplane.switch.errors import SwitchError
from rackplane.switch.stf import outcome
from rackplane.switch.stf.client import Client, RequestFailed
from rackplane.switch.stf.controls import Controls
from rackplane.switch.stf.entries import find_named, table_add, table_set_default
from rackplane.switch.stf.script import (
    AddEntry,
    CheckCounter,
    Command,
    Control,
    Expect,
    Send,
    SetDefault,
    StfError,
    Wait,
    parse_port,
    parse_script,
)
from rackplane.switch.stf.testbed import MIN_FRAME, Testbed
from rackplane.switch.target import Program, SwitchSetup, Target, free_port, running

Watch = Callable[[SwitchSetup], AbstractContextManager[object]]
_LIMIT_S = 5.0
# How long silence lasts before a packet counts as not coming.
_QUIET_S = {"xdp": 0.1, "bmv2": 0.4}
_COMPARISONS = {
    "==": int.__eq__,
    "!=": int.__ne__,
    "<": int.__lt__,
    "<=": int.__le__,
    ">": int.__gt__,
    ">=": int.__ge__,
}


@dataclass(frozen=True)
class Result:
    """How a script went: no problems means that it holds."""

    script: Path
    target: str
    problems: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return not self.problems


def run_script(script: Path, program: Program, target: Target, lead: int = 0) -> Result:
    """Run a script; whatever goes wrong is one of the result's problems. `lead`: see Testbed. Needs root."""
    start = time.monotonic()
    try:
        commands = parse_script(script.read_text(encoding="utf-8", errors="replace"))
        problems = _run(commands, program, target, lead)
    except (StfError, SwitchError, OSError) as e:
        problems = [str(e)]
    return Result(script, target.name, tuple(problems), time.monotonic() - start)


def watch_script(script: Path, program: Program, target: Target, watch: Watch) -> None:
    """Run a script's commands within the context that `watch` makes of the running switch; nothing is compared.

    Raises StfError or SwitchError.
    """
    commands = parse_script(script.read_text(encoding="utf-8", errors="replace"))
    _run(commands, program, target, 0, watch)


def has_short_packets(script: Path) -> bool:
    """Whether a packet, sent or expected, may be shorter than an Ethernet header. False if it is no script."""
    try:
        return _short(parse_script(script.read_text(encoding="utf-8", errors="replace")))
    except (OSError, StfError):
        return False


def _short(commands: Sequence[Command]) -> bool:
    sent = (len(c.data) for c in commands if isinstance(c, Send))
    expected = (len(c.pattern) // 2 for c in commands if isinstance(c, Expect) and c.pattern is not None)
    return any(size < MIN_FRAME for size in (*sent, *expected))


def _unwatched(_: SwitchSetup) -> AbstractContextManager[object]:
    return nullcontext()


def _run(
    commands: Sequence[Command], program: Program, target: Target, lead: int, watch: Watch = _unwatched
) -> list[str]:
    info = text_format.Parse(program.p4info.read_text(encoding="utf-8"), p4i.P4Info())
    quiet = _QUIET_S.get(target.name, 1.0)
    with (
        tempfile.TemporaryDirectory(prefix="rackplane-stf-") as folder,
        Testbed(_ports(commands), lead, any_length=target.name == "bmv2" and _short(commands)) as testbed,
        running(target, _setup(Path(folder), testbed)) as switch,
        Client(switch.setup.grpc_address, switch.setup.device_id) as client,
    ):
        client.set_pipeline(info, program.device_config.read_bytes())
        run = _Run(testbed, client, info, quiet)
        with watch(switch.setup):
            for command in commands:
                run.step(command)
            run.finish(commands)
        return run.problems + outcome.problems(commands, testbed.received)


def _setup(folder: Path, testbed: Testbed) -> SwitchSetup:
    return SwitchSetup(f"127.0.0.1:{free_port()}", folder, ports=testbed.near, cpu_port=None)


def _ports(commands: Sequence[Command]) -> Iterator[int]:
    """The ports that a script speaks of; groups and sessions name further ones, which need a cable too."""
    for command in commands:
        if isinstance(command, Send | Expect):
            yield command.port
        elif isinstance(command, Control) and command.verb == "mc_node_create":
            yield from (parse_port(port, command.line) for port in command.arguments[1:])
        elif isinstance(command, Control) and command.verb == "mirroring_add":
            yield from (parse_port(port, command.line) for port in command.arguments[1:2])


@dataclass
class _Run:
    testbed: Testbed
    client: Client
    info: p4i.P4Info
    quiet: float
    problems: list[str] = field(default_factory=list)
    _sent: bool = False

    def __post_init__(self) -> None:
        self._controls = Controls(self.client, self.info)

    def step(self, command: Command) -> None:
        """Carry out one command; changes of the switch wait until packets under way have arrived."""
        if isinstance(command, Send):
            self._sent = True
            self.testbed.send(command.port, command.data)
        elif not isinstance(command, Expect):
            if self._sent or isinstance(command, Wait):
                self.testbed.collect(self.quiet, _LIMIT_S)
                self._sent = False
            self._change(command)

    def finish(self, commands: Sequence[Command]) -> None:
        """Wait for what is still expected, and a while longer for what is not."""
        enough = Counter(c.port for c in commands if isinstance(c, Expect))
        self.testbed.collect(self.quiet * 2, _LIMIT_S, enough)

    def _change(self, command: Command) -> None:
        try:
            if isinstance(command, AddEntry):
                self.client.write([table_add(command, self.info)])
            elif isinstance(command, SetDefault):
                self.client.write([table_set_default(command, self.info)])
            elif isinstance(command, Control):
                self._controls.run(command)
            elif isinstance(command, CheckCounter):
                self._check(command)
        except RequestFailed as e:
            raise StfError(command.line, str(e)) from e

    def _check(self, command: CheckCounter) -> None:
        data = self._counter(command)
        value = data.byte_count if command.bytes else data.packet_count
        if not _COMPARISONS[command.operator](value, command.value):
            unit = "bytes" if command.bytes else "packets"
            found = f"counter {command.counter}({command.index}) has {value} {unit}"
            self.problems.append(f"line {command.line}: {found}, not {command.operator} {command.value}")

    def _counter(self, command: CheckCounter) -> p4r.CounterData:
        counter = find_named(self.info.counters, command.counter, command.line, "counter")
        entry = p4r.CounterEntry(counter_id=counter.preamble.id, index=p4r.Index(index=command.index))
        found = self.client.read(p4r.Entity(counter_entry=entry))
        if len(found) != 1:
            raise StfError(command.line, f"counter {command.counter} has no cell {command.index}")
        return found[0].counter_entry.data
