"""Reading from a switch over P4Runtime, of any target; a reader takes part in no election and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TypeVar

import grpc  # type: ignore[import-untyped]
from finsy.proto import p4r, p4r_grpc

from rackplane.switch.errors import SwitchError

T = TypeVar("T")

_TIMEOUT_S = 60.0
_CONNECT_S = 5.0
_MAX_MESSAGE = 64 << 20


class ReadError(SwitchError):
    """The switch does not answer, or refuses; the message is its own."""


class UnimplementedError(ReadError):
    """The switch's P4Runtime does not offer this."""


class SwitchReader:
    """A connection to the device `device_id` of HOST:PORT. Raises ReadError when nothing answers there."""

    def __init__(self, address: str, device_id: int) -> None:
        self._device_id = device_id
        self._channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", _MAX_MESSAGE)])
        self._stub = p4r_grpc.P4RuntimeStub(self._channel)
        try:
            grpc.channel_ready_future(self._channel).result(_CONNECT_S)
        except grpc.FutureTimeoutError as e:
            self._channel.close()
            raise ReadError(f"no P4Runtime server answers on {address}") from e

    def __enter__(self) -> SwitchReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        self._channel.close()

    def config(self) -> p4r.ForwardingPipelineConfig:
        """Return P4Info and device config of the running program. Raises ReadError when there is none."""
        request = p4r.GetForwardingPipelineConfigRequest(device_id=self._device_id)
        found: p4r.ForwardingPipelineConfig = self._call(
            lambda: self._stub.GetForwardingPipelineConfig(request, timeout=_TIMEOUT_S).config
        )
        if not found.HasField("p4info"):
            raise ReadError("the switch runs no program yet")
        return found

    def read(self, *entities: p4r.Entity) -> list[p4r.Entity]:
        """Return all that these entities, with their wildcards, stand for."""
        request = p4r.ReadRequest(device_id=self._device_id, entities=entities)
        return self._call(lambda: list(self._entities(request)))

    def _entities(self, request: p4r.ReadRequest) -> Iterator[p4r.Entity]:
        for response in self._stub.Read(request, timeout=_TIMEOUT_S):
            yield from response.entities

    def _call(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except grpc.RpcError as e:
            unimplemented = e.code() is grpc.StatusCode.UNIMPLEMENTED
            kind = UnimplementedError if unimplemented else ReadError
            raise kind(f"{e.code().name}: {e.details() or 'the switch gives no reason'}") from e
