"""StreamChannel: arbitration, packet-out, packet-in, and the notifications of the program that runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from finsy.proto import p4r

from rackplane.switch.device import Device
from rackplane.switch.errors import Code, PortError, RequestError
from rackplane.switch.p4runtime.arbitration import Arbiter
from rackplane.switch.p4runtime.config import PipelineConfigs
from rackplane.switch.p4runtime.controller import Controller
from rackplane.switch.p4runtime.notify import Notifier

log = logging.getLogger(__name__)

_FRAMES_PER_WAKEUP = 64


class Streams:
    """All controllers of a device."""

    def __init__(self, device: Device, configs: PipelineConfigs, arbiter: Arbiter[Controller]) -> None:
        self._device = device
        self._configs = configs
        self._arbiter = arbiter
        self._controllers: set[Controller] = set()
        self._notifier = Notifier(arbiter)

    def start(self) -> None:
        """Watch the CPU port and the running program; needs a running event loop."""
        self._configs.watcher = self._notifier
        if self._configs.running is not None:
            self._notifier.attach(self._configs.running)
        if self._device.cpu is not None:
            asyncio.get_running_loop().add_reader(self._device.cpu.socket, self._packets_in)

    def stop(self) -> None:
        """Stop watching and end every stream."""
        self._notifier.detach()
        if self._device.cpu is not None:
            asyncio.get_running_loop().remove_reader(self._device.cpu.socket)
        for controller in self._controllers:
            controller.end()

    async def serve(
        self, requests: AsyncIterator[p4r.StreamMessageRequest]
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        """Serve one controller until it hangs up; a RequestError ends its stream with that status."""
        controller = Controller()
        self._controllers.add(controller)
        receiver = asyncio.create_task(self._receive(controller, requests))
        try:
            async for message in controller.messages():
                yield message
        finally:
            receiver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiver
            self._controllers.discard(controller)
            self._change(lambda: self._arbiter.leave(controller))

    async def _receive(self, controller: Controller, requests: AsyncIterator[p4r.StreamMessageRequest]) -> None:
        try:
            async for request in requests:
                self._handle(controller, request)
        except RequestError as e:
            controller.end(e)
        else:
            controller.end()

    def _handle(self, controller: Controller, request: p4r.StreamMessageRequest) -> None:
        kind = request.WhichOneof("update")
        if kind == "arbitration":
            self._change(lambda: self._arbiter.update(controller, request.arbitration))
        elif kind == "packet":
            self._packet_out(controller, request.packet)
        elif kind == "digest_ack":
            self._acknowledge(controller, request.digest_ack)
        else:
            error = _stream_error(Code.UNIMPLEMENTED, f"a stream message of kind {kind} is not supported")
            error.error.other.SetInParent()
            controller.offer(error)

    def _change(self, change: Callable[[], list[tuple[Controller, p4r.MasterArbitrationUpdate]]]) -> None:
        """Make a change of the arbitration and tell those whom it concerns."""
        before = self._arbiter.primaries()
        for controller, advice in change():
            controller.send(p4r.StreamMessageResponse(arbitration=advice))
        if before != self._arbiter.primaries():
            self._notifier.primaries_changed()

    def _acknowledge(self, controller: Controller, ack: p4r.DigestListAck) -> None:
        try:
            if not self._arbiter.is_primary(controller):
                raise RequestError(Code.PERMISSION_DENIED, "only the primary controller may acknowledge digests")
            self._notifier.acknowledge(ack)
        except RequestError as e:
            error = _stream_error(e.code, str(e))
            error.error.digest_list_ack.digest_list_ack.CopyFrom(ack)
            controller.offer(error)

    def _packet_out(self, controller: Controller, packet: p4r.PacketOut) -> None:
        try:
            self._inject(controller, packet)
        except RequestError as e:
            error = _stream_error(e.code, str(e))
            error.error.packet_out.packet_out.CopyFrom(packet)
            controller.offer(error)

    def _inject(self, controller: Controller, packet: p4r.PacketOut) -> None:
        if not self._arbiter.is_primary(controller):
            raise RequestError(Code.PERMISSION_DENIED, "only the primary controller may send packets")
        running = self._configs.running
        if running is None or self._device.cpu is None:
            lack = "CPU port" if running is not None else "forwarding pipeline config"
            raise RequestError(Code.FAILED_PRECONDITION, f"the switch has no {lack}")
        frame = running.packet_out.join(packet.metadata, packet.payload)
        try:
            self._device.cpu.send(frame)
        except PortError as e:
            raise RequestError(Code.INVALID_ARGUMENT, str(e)) from e

    def _packets_in(self) -> None:
        cpu, running = self._device.cpu, self._configs.running
        for _ in range(_FRAMES_PER_WAKEUP):
            frame = cpu.receive() if cpu is not None else None
            if frame is None:
                return
            if running is None:
                continue
            metadata, payload = running.packet_in.split(frame)
            message = p4r.StreamMessageResponse()
            message.packet.payload = payload
            message.packet.metadata.extend(metadata)
            for controller, access in self._arbiter.primaries():
                if access.wants_packet(metadata):
                    controller.offer(message)


def _stream_error(code: Code, text: str) -> p4r.StreamMessageResponse:
    message = p4r.StreamMessageResponse()
    message.error.canonical_code, message.error.message = code, text
    return message
