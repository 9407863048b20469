"""StreamChannel: arbitration, packet-out, packet-in. Each controller has a bounded queue of messages to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from finsy.proto import p4r

from rackplane.switch.device import Device
from rackplane.switch.errors import Code, PortError, RequestError
from rackplane.switch.p4runtime.arbitration import Arbiter
from rackplane.switch.p4runtime.config import PipelineConfigs

log = logging.getLogger(__name__)

QUEUE_LIMIT = 4096
_FRAMES_PER_WAKEUP = 64


class Controller:
    """One open stream. Packets that do not fit into the queue are dropped and counted; other messages never are."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[p4r.StreamMessageResponse | RequestError | None] = asyncio.Queue()
        self.dropped = 0

    def send(self, message: p4r.StreamMessageResponse) -> None:
        """Queue a message that must arrive."""
        self._queue.put_nowait(message)

    def offer(self, message: p4r.StreamMessageResponse) -> None:
        """Queue a packet or an error report, unless the controller does not keep up."""
        if self._queue.qsize() >= QUEUE_LIMIT:
            self.dropped += 1
            return
        self._queue.put_nowait(message)

    def end(self, error: RequestError | None = None) -> None:
        """Close the stream, with an error where there is one."""
        self._queue.put_nowait(error)

    async def messages(self) -> AsyncIterator[p4r.StreamMessageResponse]:
        """Yield what is queued until end(); raise its error."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, RequestError):
                raise item
            yield item


class Streams:
    """All controllers of a device."""

    def __init__(self, device: Device, configs: PipelineConfigs, arbiter: Arbiter[Controller]) -> None:
        self._device = device
        self._configs = configs
        self._arbiter = arbiter
        self._controllers: set[Controller] = set()

    def start(self) -> None:
        """Watch the CPU port; needs a running event loop."""
        if self._device.cpu is not None:
            asyncio.get_running_loop().add_reader(self._device.cpu.socket, self._packets_in)

    def stop(self) -> None:
        """Stop watching the CPU port and end every stream."""
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
            self._announce(self._arbiter.leave(controller))

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
            self._announce(self._arbiter.update(controller, request.arbitration))
        elif kind == "packet":
            self._packet_out(controller, request.packet)
        elif kind == "digest_ack":
            error = _stream_error(Code.INVALID_ARGUMENT, f"there is no digest {request.digest_ack.digest_id}")
            error.error.digest_list_ack.digest_list_ack.CopyFrom(request.digest_ack)
            controller.offer(error)
        else:
            error = _stream_error(Code.UNIMPLEMENTED, f"a stream message of kind {kind} is not supported")
            error.error.other.SetInParent()
            controller.offer(error)

    def _announce(self, notifications: list[tuple[Controller, p4r.MasterArbitrationUpdate]]) -> None:
        for controller, advice in notifications:
            controller.send(p4r.StreamMessageResponse(arbitration=advice))

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
            for controller in self._arbiter.primaries():
                controller.offer(message)


def _stream_error(code: Code, text: str) -> p4r.StreamMessageResponse:
    message = p4r.StreamMessageResponse()
    message.error.canonical_code, message.error.message = code, text
    return message
