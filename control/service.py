"""A control plane's service for programs on this machine: one JSON object a line, over a Unix socket.

Blades live in other network namespaces but in the same file system, so a socket file reaches them all, and its
mode (0600) says who may ask. Lines and connections are bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

MAX_REQUEST = 64 << 10
MAX_ANSWER = 16 << 20
MAX_CLIENTS = 256
TIMEOUT = 60.0
"""Seconds that a client waits for an answer."""

Handler = Callable[[object], Awaitable[object]]


class ServiceError(Exception):
    """A request was refused, or the control plane cannot be reached; the text says which."""


class Refusal(Exception):
    """What a handler raises to have its text sent to the client."""


@contextlib.asynccontextmanager
async def serve(path: Path, handler: Handler) -> AsyncIterator[asyncio.Server]:
    """Serve `handler` at a socket file until the block ends. Raises ServiceError if another serves there."""
    _remove_stale(path)
    clients = _Clients(handler)
    mask = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(clients.attend, path, limit=MAX_REQUEST)
    except OSError as error:
        raise ServiceError(f"cannot serve at {path}: {error.strerror}") from error
    finally:
        os.umask(mask)
    try:
        yield server
    finally:
        server.close()
        for writer in clients.connected:
            writer.close()
        path.unlink(missing_ok=True)


@dataclass
class _Clients:
    handler: Handler
    connected: set[asyncio.StreamWriter] = field(default_factory=set)

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client until it leaves."""
        self.connected.add(writer)
        try:
            if len(self.connected) > MAX_CLIENTS:
                await reader.readline()
                await _answer(writer, {"error": f"more than {MAX_CLIENTS} clients are connected"})
            else:
                await _converse(reader, writer, self.handler)
        except (ConnectionError, asyncio.LimitOverrunError, ValueError) as error:
            log.info("a client was cut off: %s", error)
        finally:
            self.connected.discard(writer)
            writer.close()


def call(path: Path, request: Mapping[str, object], timeout: float = TIMEOUT) -> object:
    """Send one request and return its result. Raises ServiceError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = _read_line(connection)
        except OSError as error:
            raise ServiceError(f"the control plane at {path} cannot be reached: {error}") from error
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise ServiceError(f"the control plane at {path} sent no JSON: {error}") from error
    if not isinstance(answer, dict) or "result" not in answer:
        text = answer.get("error") if isinstance(answer, dict) else answer
        raise ServiceError(str(text))
    return answer["result"]


def _read_line(connection: socket.socket) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n"):
        part = connection.recv(1 << 16)
        if not part:
            raise ConnectionError("the connection was closed before the answer was complete")
        data += part
        if len(data) > MAX_ANSWER:
            raise ConnectionError(f"the answer is longer than {MAX_ANSWER} bytes")
    return bytes(data)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    while line := await reader.readline():
        try:
            result = await handler(json.loads(line))
        except (Refusal, ValueError) as error:
            await _answer(writer, {"error": str(error)})
        else:
            await _answer(writer, {"result": result})


async def _answer(writer: asyncio.StreamWriter, answer: Mapping[str, object]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


def _remove_stale(path: Path) -> None:
    """Remove a socket file that nobody listens at any more."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ServiceError(f"{path} is there already and is no socket: choose another name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ServiceError(f"the socket at {path} cannot be tried: {error}") from error
    raise ServiceError(f"a control plane serves at {path} already")
