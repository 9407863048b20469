"""Answers that are errors: one status for a whole RPC, or one p4.v1.Error per element of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol

import grpc  # type: ignore[import-untyped]
from finsy.proto import p4r, rpc_status
from google.protobuf import any_pb2

from rackplane.switch.errors import Code, RequestError

DETAILS_KEY = "grpc-status-details-bin"
ERROR_SPACE = "rackplane"
_MAX_MESSAGE = 512

_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}


class BatchError(Exception):
    """Some elements of a batch failed: `errors` by index, of `size` elements."""

    def __init__(self, what: str, errors: Mapping[int, RequestError], size: int) -> None:
        first = min(errors)
        super().__init__(f"{len(errors)} of {size} {what} failed, first: {errors[first]}")
        self.errors = errors
        self.size = size


def batch_status(error: BatchError) -> rpc_status.Status:
    """Return the google.rpc.Status whose details are one p4.v1.Error per element of the batch, in order."""
    status = rpc_status.Status(code=Code.UNKNOWN, message=_short(str(error)))
    fine = any_pb2.Any()
    fine.Pack(p4r.Error(canonical_code=Code.OK))
    for index in range(error.size):
        failed = error.errors.get(index)
        if failed is None:
            status.details.append(fine)
            continue
        detail = p4r.Error(canonical_code=failed.code, message=_short(str(failed)), space=ERROR_SPACE)
        status.details.add().Pack(detail)
    return status


class Context(Protocol):
    """What the service needs of a grpc.aio.ServicerContext."""

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Sequence[tuple[str, bytes]] = ()
    ) -> NoReturn:
        """End the RPC by raising."""


async def abort(context: Context, error: RequestError | BatchError) -> NoReturn:
    """End the RPC with this error."""
    if isinstance(error, BatchError):
        status = batch_status(error)
        metadata = ((DETAILS_KEY, status.SerializeToString()),)
        await context.abort(grpc.StatusCode.UNKNOWN, status.message, metadata)
    await context.abort(_GRPC_CODES[error.code], _short(str(error)))


def _short(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 3] + "..."
