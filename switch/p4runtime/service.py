"""The P4Runtime service: checks that concern a whole RPC, then the module that knows the rest."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import TypeVar

import grpc  # type: ignore[import-untyped]
from finsy.proto import p4r
from google.protobuf.message import DecodeError, Message

from rackplane.switch.device import Device
from rackplane.switch.errors import Code, RequestError, invalid, not_found
from rackplane.switch.p4runtime import read, status, wire
from rackplane.switch.p4runtime.arbitration import Arbiter
from rackplane.switch.p4runtime.config import PipelineConfigs, Reader
from rackplane.switch.p4runtime.controller import Controller
from rackplane.switch.p4runtime.status import BatchError, Context
from rackplane.switch.p4runtime.stream import Streams

log = logging.getLogger(__name__)

API_VERSION = "1.4.1"
MAX_STREAMS = 64

M = TypeVar("M", bound=Message)


class P4RuntimeService:
    """The RPCs of p4.v1.P4Runtime for one device."""

    def __init__(self, device: Device, device_id: int, reader: Reader) -> None:
        self._device_id = device_id
        self._arbiter: Arbiter[Controller] = Arbiter(device_id, MAX_STREAMS)
        self.configs = PipelineConfigs(device, reader)
        self.streams = Streams(device, self.configs, self._arbiter)

    async def write(self, data: bytes, context: Context) -> p4r.WriteResponse:
        """Write."""
        try:
            head, updates = wire.split_write_request(data)
            request = _parse(p4r.WriteRequest, head)
            self._check_device(request.device_id)
            self._check_primary(request)
            self.configs.writer.write(request.atomicity, updates, self._arbiter.access(request.role))
        except (RequestError, BatchError) as e:
            await status.abort(context, e)
        return p4r.WriteResponse()

    async def read(self, data: bytes, context: Context) -> AsyncIterator[bytes]:
        """Read; yields serialized responses."""
        try:
            request = _parse(p4r.ReadRequest, data)
            self._check_device(request.device_id)
            for response in read.read(self.configs.pipeline, request, self._arbiter.access(request.role)):
                yield response
        except (RequestError, BatchError) as e:
            await status.abort(context, e)

    async def set_config(self, data: bytes, context: Context) -> p4r.SetForwardingPipelineConfigResponse:
        """SetForwardingPipelineConfig."""
        try:
            request = _parse(p4r.SetForwardingPipelineConfigRequest, data)
            self._check_device(request.device_id)
            self._check_primary(request)
            if not self._arbiter.access(request.role).push_pipeline:
                raise RequestError(Code.PERMISSION_DENIED, f"role {request.role!r} may not push a pipeline config")
            await self.configs.set(request)
        except RequestError as e:
            await status.abort(context, e)
        return p4r.SetForwardingPipelineConfigResponse()

    async def get_config(self, data: bytes, context: Context) -> p4r.GetForwardingPipelineConfigResponse:
        """GetForwardingPipelineConfig."""
        try:
            request = _parse(p4r.GetForwardingPipelineConfigRequest, data)
            self._check_device(request.device_id)
            return self.configs.get(request.response_type)
        except RequestError as e:
            await status.abort(context, e)

    async def stream(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        """StreamChannel."""
        try:
            async for message in self.streams.serve(
                _parse(p4r.StreamMessageRequest, data) async for data in requests
            ):
                yield message
        except RequestError as e:
            await status.abort(context, e)

    async def capabilities(self, data: bytes, context: Context) -> p4r.CapabilitiesResponse:
        """Capabilities; no device id asks about the server."""
        try:
            request = _parse(p4r.CapabilitiesRequest, data)
            if request.device_id:
                self._check_device(request.device_id)
        except RequestError as e:
            await status.abort(context, e)
        return p4r.CapabilitiesResponse(p4runtime_api_version=API_VERSION)

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the service's methods for a gRPC server."""
        return grpc.method_handlers_generic_handler(
            "p4.v1.P4Runtime",
            {
                "Write": grpc.unary_unary_rpc_method_handler(self.write, None, _serialize),
                "Read": grpc.unary_stream_rpc_method_handler(self.read, None, None),
                "SetForwardingPipelineConfig": grpc.unary_unary_rpc_method_handler(
                    self.set_config, None, _serialize
                ),
                "GetForwardingPipelineConfig": grpc.unary_unary_rpc_method_handler(
                    self.get_config, None, _serialize
                ),
                "StreamChannel": grpc.stream_stream_rpc_method_handler(self.stream, None, _serialize),
                "Capabilities": grpc.unary_unary_rpc_method_handler(self.capabilities, None, _serialize),
            },
        )

    def _check_primary(self, request: p4r.WriteRequest | p4r.SetForwardingPipelineConfigRequest) -> None:
        self._arbiter.check_write(request.role, request.election_id if request.HasField("election_id") else None)

    def _check_device(self, device_id: int) -> None:
        if device_id != self._device_id:
            raise not_found(f"there is no device {device_id}; this is device {self._device_id}")


def _parse(kind: type[M], data: bytes) -> M:
    """Parse a request here, so that bytes that are no message get a proper status."""
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as e:
        raise invalid(f"the request is not a {message.DESCRIPTOR.name} message") from e
    return message


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
