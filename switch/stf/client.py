"""A synchronous P4Runtime client: one connection that is primary, and the requests that a script needs."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeAlias, TypeVar

import grpc  # type: ignore[import-untyped]
from finsy.proto import U128, p4i, p4r, p4r_grpc, rpc_status

from rackplane.switch.errors import SwitchError

T = TypeVar("T")
Atomicity: TypeAlias = p4r.WriteRequest.Atomicity.ValueType

_TIMEOUT_S = 60.0
_DETAILS_KEY = "grpc-status-details-bin"


class RequestFailed(SwitchError):
    """The switch refused a request; the message is the switch's own."""


class Client:
    """Becomes primary on construction. Raises RequestFailed when the switch does not answer or refuses."""

    def __init__(self, address: str, device_id: int) -> None:
        self._device_id = device_id
        self._election_id = U128.encode(1)
        self._channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 64 << 20)])
        self._stub = p4r_grpc.P4RuntimeStub(self._channel)
        self._requests: queue.Queue[p4r.StreamMessageRequest | None] = queue.Queue()
        self._stream: Iterator[p4r.StreamMessageResponse] = self._stub.StreamChannel(iter(self._requests.get, None))
        try:
            grpc.channel_ready_future(self._channel).result(_TIMEOUT_S)
        except grpc.FutureTimeoutError as e:
            raise RequestFailed(f"no P4Runtime server answers on {address}") from e
        arbitration = p4r.MasterArbitrationUpdate(device_id=device_id, election_id=self._election_id)
        self._requests.put(p4r.StreamMessageRequest(arbitration=arbitration))
        self._call(lambda: next(self._stream))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._requests.put(None)
        self._channel.close()

    def set_pipeline(self, info: p4i.P4Info, device_config: bytes) -> None:
        """Verify and commit a program."""
        config = p4r.ForwardingPipelineConfig(p4info=info, p4_device_config=device_config)
        request = p4r.SetForwardingPipelineConfigRequest(
            device_id=self._device_id,
            election_id=self._election_id,
            action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT,
            config=config,
        )
        self._call(lambda: self._stub.SetForwardingPipelineConfig(request, timeout=_TIMEOUT_S))

    def write(
        self, updates: Iterable[p4r.Update], atomicity: Atomicity = p4r.WriteRequest.CONTINUE_ON_ERROR
    ) -> None:
        """Write a batch."""
        request = p4r.WriteRequest(
            device_id=self._device_id, election_id=self._election_id, updates=updates, atomicity=atomicity
        )
        self._call(lambda: self._stub.Write(request, timeout=_TIMEOUT_S))

    def read(self, *entities: p4r.Entity) -> list[p4r.Entity]:
        """Read what entities, which may have wildcards, stand for, in one request."""
        request = p4r.ReadRequest(device_id=self._device_id, entities=entities)
        return self._call(
            lambda: [e for response in self._stub.Read(request, timeout=_TIMEOUT_S) for e in response.entities]
        )

    def _call(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except grpc.RpcError as e:
            raise RequestFailed(_reason(e)) from e


def _reason(error: grpc.RpcError) -> str:
    """The messages of the failed updates, or of the whole request."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return "; ".join(_messages(rpc_status.Status.FromString(value))) or str(error.details())
    return f"{error.code().name}: {error.details()}"


def _messages(status: rpc_status.Status) -> Iterator[str]:
    for detail in status.details:
        one = p4r.Error()
        if detail.Unpack(one) and one.canonical_code:
            yield one.message or f"code {one.canonical_code}"
