"""Two links and a switch between them, in this thread's network namespace: source -- 1 switch 2 -- sink."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyroute2 import IPRoute  # type: ignore[import-untyped]

from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.switch import links
from rackplane.switch.target import SwitchSetup, Target, listening, log_tail

SOURCE, SINK = "source", "sink"
PORTS = {1: "port1", 2: "port2"}
_FAR = {1: SOURCE, 2: SINK}
_PATIENCE_S = 30.0
_GRACE_S = 10.0
_POLL_S = 0.05


@contextmanager
def cables() -> Iterator[None]:
    """The two links, up, with receive offload at all ends, so that frames reach a switch without XDP too."""
    links.set_up("lo")
    with IPRoute() as route:
        for port, near in PORTS.items():
            route.link("add", ifname=near, kind="veth", peer={"ifname": _FAR[port]})
    try:
        for port, near in PORTS.items():
            for name in (near, _FAR[port]):
                links.silence(name)
                links.set_up(name)
                links.prepare_host_end(name)
        yield
    finally:
        with IPRoute() as route:
            for near in PORTS.values():
                for index in route.link_lookup(ifname=near):
                    route.link("del", index=index)


@contextmanager
def switch(target: Target, setup: SwitchSetup) -> Iterator[None]:
    """A switch that ends with this block, or with this process, however that ends. Raises BenchError."""
    setup.state_dir.mkdir(parents=True, exist_ok=True)
    log = setup.state_dir / f"{target.name}.log"
    command = [sys.executable, "-m", "rackplane.switch.lifeline", *target.command(setup)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output, process_group=0)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not listening(setup.grpc_address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the {target.name} switch does not serve{log_tail(log)}")
            time.sleep(_POLL_S)
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
