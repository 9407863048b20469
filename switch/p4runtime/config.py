"""The forwarding pipeline config: verify, save, commit, reconcile (specification, "SetForwardingPipelineConfig").

A saved config is already in the kernel, with maps of its own, and takes the writes that follow; committing it is
letting the ports run it. So nothing has to be replayed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from finsy.proto import p4r

from rackplane.compiler.manifest import Manifest
from rackplane.switch import pipeline as pipelines
from rackplane.switch.device import Device
from rackplane.switch.deviceconfig import in_p4
from rackplane.switch.errors import Code, PortError, RequestError, SwitchError, VerifierError, invalid, not_found
from rackplane.switch.p4runtime.write import Writer
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.reconcile import carry_over

Reader = Callable[[bytes], tuple[bytes, Manifest]]
"""Reads p4_device_config: the object, and the manifest; raises SwitchError."""


class Watcher(Protocol):
    """Somebody who follows the program that the ports run."""

    def attach(self, pipeline: Pipeline) -> None:
        """Follow this program from now on."""

    def detach(self) -> None:
        """Let go of the program, which may be closed next."""


_Action = p4r.SetForwardingPipelineConfigRequest
_Response = p4r.GetForwardingPipelineConfigRequest


@dataclass
class _Config:
    """A config that was accepted, and the program that it became."""

    message: p4r.ForwardingPipelineConfig
    pipeline: Pipeline
    writer: Writer


class PipelineConfigs:
    """The committed config of a device, and the saved one that waits for its commit."""

    def __init__(self, device: Device, reader: Reader) -> None:
        self._device = device
        self._reader = reader
        self._committed: _Config | None = None
        self._saved: _Config | None = None
        self._lock = asyncio.Lock()
        self.watcher: Watcher | None = None

    @property
    def pipeline(self) -> Pipeline:
        """The program that reads and writes are about; FAILED_PRECONDITION when there is none."""
        return self._current().pipeline

    @property
    def writer(self) -> Writer:
        """What applies batches to that program; FAILED_PRECONDITION when there is none."""
        return self._current().writer

    @property
    def running(self) -> Pipeline | None:
        """The program that the ports run."""
        return self._committed.pipeline if self._committed else None

    async def set(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        """Do what the request's action asks; loading runs in a thread, so that reads and packets go on."""
        async with self._lock:
            if request.action == _Action.COMMIT:
                self._commit_saved(request)
                return
            if request.action == _Action.UNSPECIFIED:
                raise invalid("the request has no action")
            if request.action not in _Action.Action.values():
                raise invalid(f"action {request.action} does not exist")
            if not request.HasField("config"):
                raise invalid("the request has no config")
            loaded = await self._load(request.config)
            if request.action == _Action.VERIFY:
                loaded.pipeline.close()
            elif request.action == _Action.VERIFY_AND_SAVE:
                self._save(loaded)
            else:
                self._commit_new(loaded, keep_state=request.action == _Action.RECONCILE_AND_COMMIT)

    async def commit_initial(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Run a config that no controller sent."""
        async with self._lock:
            self._commit_new(await self._load(config), keep_state=False)

    def get(self, response_type: int) -> p4r.GetForwardingPipelineConfigResponse:
        """Return the latest config, or the parts of it that were asked for."""
        response = p4r.GetForwardingPipelineConfigResponse()
        current = self._saved or self._committed
        if current is None:
            return response
        if response_type not in (
            _Response.ALL,
            _Response.COOKIE_ONLY,
            _Response.P4INFO_AND_COOKIE,
            _Response.DEVICE_CONFIG_AND_COOKIE,
        ):
            raise invalid(f"response type {response_type} does not exist")
        response.config.SetInParent()
        if current.message.HasField("cookie"):
            response.config.cookie.CopyFrom(current.message.cookie)
        if response_type in (_Response.ALL, _Response.P4INFO_AND_COOKIE):
            response.config.p4info.CopyFrom(current.message.p4info)
        if response_type in (_Response.ALL, _Response.DEVICE_CONFIG_AND_COOKIE):
            response.config.p4_device_config = current.message.p4_device_config
        return response

    def links_changed(self) -> None:
        """Let the programs look at the ports that they watch."""
        for config in (self._committed, self._saved):
            if config is not None:
                config.pipeline.ports_changed()

    def close(self) -> None:
        """Drop a config that was saved and never committed; the device drops the committed one."""
        if self._saved:
            self._saved.pipeline.close()
            self._saved = None

    def _current(self) -> _Config:
        current = self._saved or self._committed
        if current is None:
            raise RequestError(
                Code.FAILED_PRECONDITION, "no forwarding pipeline config is set: use SetForwardingPipelineConfig"
            )
        return current

    async def _load(self, message: p4r.ForwardingPipelineConfig) -> _Config:
        if not message.HasField("p4info") or not message.p4_device_config:
            raise invalid("the config needs both p4info and p4_device_config")

        def load() -> Pipeline:
            image, manifest = self._reader(message.p4_device_config)
            devices = self._device.devices(with_loop=bool(manifest.loop_program))
            return pipelines.load(image, manifest, message.p4info, devices)

        try:
            pipeline = await asyncio.to_thread(load)
        except RequestError:
            raise
        except VerifierError as e:
            raise invalid(f"the config cannot be realized: {in_p4(e, message.p4_device_config)}") from e
        except SwitchError as e:
            raise invalid(f"the config cannot be realized: {e}") from e
        return _Config(message, pipeline, Writer(pipeline))

    def _save(self, config: _Config) -> None:
        self.close()
        self._saved = config

    def _commit_saved(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        if request.HasField("config"):
            raise invalid("COMMIT takes no config: it commits the saved one")
        if self._saved is None:
            raise not_found("no config is saved: VERIFY_AND_SAVE must come first")
        saved, self._saved = self._saved, None
        try:
            self._run(saved)
        except RequestError:
            self._saved = saved
            raise

    def _commit_new(self, config: _Config, keep_state: bool) -> None:
        try:
            if keep_state and self._committed is not None:
                carry_over(self._committed.pipeline, config.pipeline)
            self._run(config)
        except RequestError:
            config.pipeline.close()
            raise
        self.close()

    def _run(self, config: _Config) -> None:
        if self.watcher:
            self.watcher.detach()
        try:
            self._device.commit(config.pipeline)
            self._committed = config
        except PortError as e:
            raise invalid(f"the config does not fit this switch: {e}") from e
        finally:
            if self.watcher and self.running:
                self.watcher.attach(self.running)
