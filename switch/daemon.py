"""The switch as a process: options, readiness, signals, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4i, p4r

from rackplane.compiler.bundle import Bundle, BundleError
from rackplane.switch import deviceconfig
from rackplane.switch.controlsocket import ControlSocket
from rackplane.switch.device import Device
from rackplane.switch.errors import SwitchError
from rackplane.switch.server import ServerOptions, serve
from rackplane.switch.tracing import Tracing

log = logging.getLogger(__name__)

READY_FILE = "ready.json"
# Entries are many small objects without cycles: looking for cycles often is time lost in every Write.
_GC_THRESHOLDS = (50_000, 20, 50)


@dataclass(frozen=True)
class DaemonOptions:
    """How the process lives: where it says that it is ready, what it runs at first, if stdin keeps it alive."""

    server: ServerOptions
    state_dir: Path | None = None
    program: Path | None = None
    until_eof: bool = False


def run(options: DaemonOptions) -> None:
    """Serve until SIGTERM, SIGINT or the end of standard input; raise SwitchError when it cannot be started."""
    gc.set_threshold(*_GC_THRESHOLDS)
    initial = _initial_config(options.program)
    device = Device(options.server.ports, options.server.cpu_port)
    try:
        asyncio.run(_serve(options, device, initial))
    finally:
        device.close()
    log.info("device %d has ended", options.server.device_id)


async def _serve(options: DaemonOptions, device: Device, initial: p4r.ForwardingPipelineConfig | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_eof:
        loop.add_reader(sys.stdin.fileno(), _watch_stdin, stop)

    async def until_stopped(address: str) -> None:
        with _control(options, device):
            _announce(options, address)
            try:
                await stop.wait()
            finally:
                _forget(options)

    await serve(options.server, device, deviceconfig.read, until_stopped, initial)


def _control(options: DaemonOptions, device: Device) -> AbstractContextManager[object]:
    """The control channel, beside ready.json."""
    if options.state_dir is None:
        return contextlib.nullcontext()
    options.state_dir.mkdir(parents=True, exist_ok=True)
    return ControlSocket(options.state_dir, Tracing(device))


def _watch_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def _announce(options: DaemonOptions, address: str) -> None:
    ports = {str(n): name for n, name in options.server.ports.items()}
    facts = {"grpc": address, "device_id": options.server.device_id, "pid": os.getpid(), "ports": ports}
    if options.state_dir is not None:
        options.state_dir.mkdir(parents=True, exist_ok=True)
        partial = options.state_dir / f".{READY_FILE}"
        partial.write_text(json.dumps(facts) + "\n")
        partial.rename(options.state_dir / READY_FILE)
    log.info("device %d is ready on %s with ports %s", options.server.device_id, address, ports)


def _forget(options: DaemonOptions) -> None:
    if options.state_dir is not None:
        with contextlib.suppress(FileNotFoundError):
            (options.state_dir / READY_FILE).unlink()


def _initial_config(path: Path | None) -> p4r.ForwardingPipelineConfig | None:
    if path is None:
        return None
    try:
        bundle = Bundle.load(path)
    except (OSError, BundleError) as e:
        raise SwitchError(f"cannot run {path}: {e}") from e
    return p4r.ForwardingPipelineConfig(
        p4info=p4i.P4Info.FromString(bundle.p4info), p4_device_config=bundle.to_bytes()
    )
