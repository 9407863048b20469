"""Tracing on a running switch: a traced build of its program runs on the ports as long as somebody watches.

The traced build (compiler/traced.py) works on the maps of the running program, so that nothing else changes:
entries and registers are the same, and a Write is seen by both. Links are updated, so that no packet is lost when
it comes or goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from rackplane.switch import loader
from rackplane.switch.device import Device
from rackplane.switch.errors import BundleError, SwitchError
from rackplane.switch.loader import LoadedObject
from rackplane.switch.maps import SharedMemory
from rackplane.switch.pipeline import program_names, put_stages

RING_MAP = "trace_ring"
CONTROL_MAP = ".bss.trace"


@dataclass
class _Running:
    loaded: LoadedObject
    ended: Callable[[str], None]


class Tracing:
    """The one trace that a device can have at a time."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._running: _Running | None = None
        self._busy = False
        device.before_commit = self._program_changes

    async def start(self, image: bytes, control: bytes, ended: Callable[[str], None]) -> tuple[int, int]:
        """Run a traced build on all ports; returns the descriptors of its ring and its control memory.

        `control` goes to the control memory first. `ended` is called, with the reason, if the switch ends the
        trace. Raises SwitchError.
        """
        if self._busy or self._running is not None:
            raise SwitchError("somebody else traces this switch: one trace runs at a time")
        self._busy = True
        try:
            loaded = await self._load(image)
            try:
                self._begin(loaded, control)
            except SwitchError:
                loaded.close()
                raise
            self._running = _Running(loaded, ended)
        finally:
            self._busy = False
        return loaded.map(RING_MAP).fd, loaded.map(CONTROL_MAP).fd

    def stop(self) -> None:
        """Let the ports run the plain program again; nothing if no trace runs."""
        running, self._running = self._running, None
        if running is not None:
            self._device.restore()
            running.loaded.close()

    async def _load(self, image: bytes) -> LoadedObject:
        pipeline = self._device.pipeline
        if pipeline is None:
            raise SwitchError("the switch runs no program yet, so there is nothing to trace")
        names = program_names(pipeline.manifest)
        opened = loader.open_object(image, names)
        try:
            loader.share_maps(opened, pipeline.loaded)
            loaded = await asyncio.to_thread(loader.load, opened, names)
            put_stages(pipeline.manifest, loaded)
        except SwitchError:
            opened.close()
            raise
        if self._device.pipeline is not pipeline:
            loaded.close()
            raise SwitchError("the switch got another program while the trace was prepared: start it again")
        return loaded

    def _begin(self, loaded: LoadedObject, control: bytes) -> None:
        memory = SharedMemory(loaded.map(CONTROL_MAP))
        loaded.map(RING_MAP)
        if len(control) > memory.size:
            raise BundleError(f"the trace's control has {len(control)} bytes; its memory has {memory.size}")
        memory.bytes()[: len(control)] = control
        try:
            self._device.substitute(loaded)
        except SwitchError:
            self._device.restore()
            raise

    def _program_changes(self) -> None:
        running = self._running
        self.stop()
        if running is not None:
            running.ended("the switch got another program")
