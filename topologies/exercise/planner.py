"""What runs on an exercise: a process for each switch, its program, and what the files put into its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from finsy.proto import p4i
from google.protobuf import text_format

from rackplane.compiler.errors import CompileErrors
from rackplane.switch.errors import SwitchError
from rackplane.switch.stf.client import Client, RequestFailed
from rackplane.switch.target import Program, SwitchSetup, Target, listening
from rackplane.topologies.claim import claimed_port
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.exercise.commands import run_commands
from rackplane.topologies.exercise.description import Exercise, SwitchSpec
from rackplane.topologies.exercise.runtime import Request, read_runtime
from rackplane.topologies.services import Service, Stage
from rackplane.topologies.session import Plan, Planner
from rackplane.topologies.state import SwitchAddress
from rackplane.topologies.target import usable_target

FIRST_PORT = 50051
"""The first switch's P4Runtime port in the tutorials; the others follow it."""
_MINUTE = 60.0


def exercise_planner(exercise: Exercise, target: str) -> Planner:
    """The plan of an exercise on `target`, xdp or bmv2. Raises LaunchError if it cannot run here."""
    chosen = usable_target(target)

    @contextmanager
    def planner(directory: Path) -> Iterator[Plan]:
        with ExitStack() as stack:
            ports = [stack.enter_context(claimed_port(FIRST_PORT + n)) for n in range(len(exercise.switches))]
            yield _Plan(exercise, directory, chosen, ports).plan()

    return planner


@dataclass
class _Plan:
    exercise: Exercise
    directory: Path
    target: Target
    ports: Sequence[int]
    programs: dict[Path, Program] = field(default_factory=dict)

    def plan(self) -> Plan:
        setups = {
            spec.name: self._setup(spec, port)
            for spec, port in zip(self.exercise.switches, self.ports, strict=True)
        }
        return Plan(
            target=self.target.name,
            switches={name: SwitchAddress.of(s) for name, s in setups.items()},
            control="",
            stages=(
                Stage(self._compile_text(), prepare=self._compile),
                Stage(
                    "switches, P4Runtime on " + ", ".join(f"{n} {s.grpc_address}" for n, s in setups.items()),
                    lambda: tuple(self._service(name, setup) for name, setup in setups.items()),
                ),
                Stage("programs and entries", prepare=lambda: self._fill(setups)),
            ),
        )

    def _setup(self, spec: SwitchSpec, port: int) -> SwitchSetup:
        return SwitchSetup(
            grpc_address=f"127.0.0.1:{port}",
            state_dir=self.directory / spec.name,
            device_id=spec.device_id,
            ports=self.exercise.fabric.ports(spec.name),
            cpu_port=spec.cpu_port,
        )

    def _sources(self) -> dict[Path, list[str]]:
        """Each program, and the switches that run it."""
        sources: dict[Path, list[str]] = {}
        for spec in self.exercise.switches:
            if spec.program is not None:
                sources.setdefault(spec.program.resolve(), []).append(spec.name)
        return sources

    def _compile_text(self) -> str:
        shown = [f"{source.name} for {', '.join(names)}" for source, names in self._sources().items()]
        shown += [f"none for {spec.name}" for spec in self.exercise.switches if spec.program is None]
        return f"P4 programs for {self.target.name}: {'; '.join(shown)}"

    def _compile(self) -> None:
        for number, source in enumerate(self._sources()):
            try:
                self.programs[source] = self.target.compile(source, self.directory / "build" / str(number))
            except (CompileErrors, SwitchError, OSError) as error:
                raise LaunchError(f"{source} does not compile:\n{error}") from error

    def _service(self, name: str, setup: SwitchSetup) -> Service:
        setup.state_dir.mkdir(exist_ok=True)
        return Service(name, self.target.command(setup), lambda: listening(setup.grpc_address), patience=_MINUTE)

    def _fill(self, setups: dict[str, SwitchSetup]) -> None:
        for spec in self.exercise.switches:
            if spec.program is not None:
                _fill_switch(spec, setups[spec.name], self.programs[spec.program.resolve()])


def _fill_switch(spec: SwitchSpec, setup: SwitchSetup, program: Program) -> None:
    info = text_format.Parse(program.p4info.read_text(encoding="utf-8"), p4i.P4Info())
    requests = read_runtime(spec.runtime, info) if spec.runtime else []
    try:
        with Client(setup.grpc_address, setup.device_id) as client:
            client.set_pipeline(info, program.device_config.read_bytes())
            if spec.commands:
                run_commands(spec.commands, client, info)
            for request in requests:
                _write(client, spec.name, request)
    except RequestFailed as error:
        raise LaunchError(f"{spec.name} does not run {spec.program}: {error}") from error


def _write(client: Client, switch: str, request: Request) -> None:
    try:
        client.write([request.update])
    except RequestFailed as error:
        raise LaunchError(f"{request.place}: the switch {switch} refuses it: {error}") from error
