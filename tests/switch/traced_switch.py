"""A switch that is traced: links, a program of ours, and what is told of frames."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import finsy as fy
from switch_hosts import Links

from rackplane.cli.tracejson import to_json
from rackplane.cli.tracestory import Teller
from rackplane.compiler.bundle import Bundle
from rackplane.compiler.driver import default_cache
from rackplane.compiler.traced import TracedProgram, compile_traced
from rackplane.switch import tracefilter
from rackplane.switch.controlsocket import SOCKET_FILE
from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.traceclient import TraceClient
from rackplane.switch.tracerecords import decode
from rackplane.switch.xdp import XdpTarget

Fill = Callable[[str, fy.SwitchOptions], Awaitable[None]]
SETTLED_S = 0.5
# Also where the tests themselves were started with SIGINT ignored, as a shell does in the background.
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from rackplane.cli.main import main; main()"
)


@dataclass
class Traced:
    """A switch on three links, and how it is reached."""

    links: Links
    setup: SwitchSetup
    bundle: Bundle
    build: TracedProgram
    plain: int

    @property
    def teller(self) -> Teller:
        return Teller(self.bundle.manifest, self.build.errors, self.bundle.source)

    @property
    def socket(self) -> Path:
        return self.setup.state_dir / SOCKET_FILE

    def command(self, *options: str) -> list[str]:
        return ["trace", "--state-dir", str(self.setup.state_dir), *options]

    def start(self, *options: str) -> subprocess.Popen[str]:
        """A trace in a process of its own, from the moment on that it runs."""
        command = [sys.executable, "-c", COMMAND, *self.command(*options)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        while "tracing;" not in (line := process.stderr.readline()):
            assert line, process.communicate()
        return process


@contextlib.contextmanager
def traced_switch(program: Path, folder: Path, fill: Fill) -> Iterator[Traced]:
    """A switch on three links that runs the program with what `fill` writes."""
    made = Links()
    try:
        for port in (1, 2, 3):
            made.add(port)
        target = XdpTarget()
        compiled = target.compile(program, folder)
        setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder / "state", ports=made.ports, cpu_port=None)
        with running(target, setup):
            made.wait_up()
            options = fy.SwitchOptions(p4info=compiled.p4info, p4blob=compiled.device_config, device_id=1)
            asyncio.run(fill(setup.grpc_address, options))
            bundle = Bundle.load(compiled.device_config)
            build = compile_traced(bundle, default_cache())
            yield Traced(made, setup, bundle, build, program_on(made.ports[1]))
    finally:
        made.close()


def stories(
    traced: Traced,
    frames: list[tuple[int, bytes]],
    chosen: str = "",
    port: int | None = None,
    dropped: bool = False,
) -> list[dict[str, object]]:
    """What is told of frames that come in by ports. The last frame is followed by one that marks the end."""
    build, teller = traced.build, traced.teller
    control = tracefilter.control(tracefilter.parse(chosen, build.sites.headers), port, dropped)
    told: list[dict[str, object]] = []
    with TraceClient(traced.socket, build.object, control) as client:
        for number, data in frames:
            traced.links.hosts[number].send(data)
        while records := client.receive(SETTLED_S):
            told += [to_json(teller.tell(decode(r, build.sites)), teller, 0) for r in records]
        assert client.lost == 0
    return told


def program_on(interface: str) -> int:
    out = subprocess.run(["ip", "-j", "link", "show", interface], check=True, capture_output=True, text=True)
    return int(json.loads(out.stdout)[0]["xdp"]["prog"]["id"])


def found(story: dict[str, object], kind: str) -> list[dict[str, object]]:
    return [e for e in story["events"] if e["kind"] == kind]


def values(event: dict[str, object]) -> dict[str, int]:
    return {v["name"]: v["value"] for v in event["values"]}
