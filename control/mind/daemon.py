"""MIND's control plane as a process: connect, install, serve."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import finsy as fy
from finsy.switch import SwitchFailFastError

from rackplane.control import service
from rackplane.control.mind.api import parse_request
from rackplane.control.mind.channel import DirectoryChannel, Notice
from rackplane.control.mind.controller import FAILURES, Controller
from rackplane.control.mind.rack import Rack
from rackplane.control.mind.recall import PATIENCE, Recaller
from rackplane.control.mind.regions import DEFAULT_SLOTS, Regions

log = logging.getLogger(__name__)


class StartError(Exception):
    """The control plane cannot start or go on; the text says why."""


@dataclass(frozen=True)
class Settings:
    """How to reach and program a switch. `config` is the device configuration of its target."""

    address: str
    p4info: Path
    config: Path
    device_id: int = 1
    slots: int = DEFAULT_SLOTS
    patience: float = PATIENCE
    epoch: float = 0.0


@contextlib.asynccontextmanager
async def control(settings: Settings, rack: Rack) -> AsyncIterator[Controller]:
    """A controller with its pipeline and the rack's entries installed. Raises StartError, WriteError."""
    async with _connected(settings) as switch:
        receivers: list[Controller] = []

        def notice(packet: Notice) -> None:
            for receiver in receivers:
                receiver.notice(packet)

        async with DirectoryChannel(switch, notice) as channel:
            recaller = Recaller(channel, settings.patience)
            controller = Controller(switch, rack, channel, recaller, Regions(settings.slots), settings.epoch)
            receivers.append(controller)
            await controller.install()
            try:
                yield controller
            finally:
                await controller.close()


async def run(settings: Settings, rack: Rack, path: Path) -> None:
    """Serve a rack at a socket file until cancelled. Raises StartError when the switch goes away."""
    async with control(settings, rack) as controller:
        down = asyncio.Event()
        controller.switch.ee.on(fy.SwitchEvent.CHANNEL_DOWN, lambda _: down.set())

        async def handle(message: object) -> object:
            try:
                return await controller.handle(parse_request(message))
            except FAILURES as error:
                raise service.Refusal(str(error)) from error

        async with service.serve(path, handle):
            log.info("serving at %s", path)
            await down.wait()
        raise StartError(f"the switch at {settings.address} went away; its tables went with it")


@contextlib.asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[fy.Switch]:
    options = fy.SwitchOptions(
        p4info=settings.p4info, p4blob=settings.config, p4force=True, device_id=settings.device_id, fail_fast=True
    )
    switch = fy.Switch("switch", settings.address, options)
    with _failures_of_finsy() as failures:
        try:
            await switch.__aenter__()
        except (fy.P4ClientError, SwitchFailFastError) as error:
            cause = failures.last or error
            text = cause.message if isinstance(cause, fy.P4ClientError) else str(cause)
            raise StartError(f"the switch at {settings.address} cannot be programmed: {text}") from cause
    try:
        yield switch
    finally:
        with contextlib.suppress(SwitchFailFastError):
            await switch.__aexit__(None, None, None)


class _Failures(logging.Handler):
    """Keeps the exception of the last record: finsy logs why a connection failed, and raises without the reason."""

    def __init__(self) -> None:
        super().__init__(logging.CRITICAL)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.last = record.exc_info[1]


@contextlib.contextmanager
def _failures_of_finsy() -> Iterator[_Failures]:
    logger = logging.getLogger("finsy")
    failures, propagate = _Failures(), logger.propagate
    logger.addHandler(failures)
    logger.propagate = False
    try:
        yield failures
    finally:
        logger.propagate = propagate
        logger.removeHandler(failures)
