"""The switch's own small control channel: a Unix socket in its state directory, for root only.

A client connects (SOCK_SEQPACKET) and sends one message: a JSON object {"verb": "trace", "control": HEX}, with the
descriptor of a file that holds the object of a traced build. The answer is {"ok": true} with the descriptors of the
trace's ring buffer and of its control memory, or {"error": TEXT}. The trace lasts as long as the connection: it
ends when the client closes it or dies. If the switch ends it, it says {"ended": REASON} first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rackplane.switch.errors import SwitchError
from rackplane.switch.tracing import Tracing

log = logging.getLogger(__name__)

SOCKET_FILE = "control.sock"
MAX_MESSAGE = 1 << 16
MAX_OBJECT = 32 << 20
_MAX_CLIENTS = 8
_CREDENTIALS = struct.Struct("3i")


class ControlSocket:
    """Serves the control channel on the running event loop while the context is open."""

    def __init__(self, directory: Path, tracing: Tracing) -> None:
        self._path = directory / SOCKET_FILE
        self._tracing = tracing
        self._clients: dict[int, socket.socket] = {}
        self._watcher: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def __enter__(self) -> ControlSocket:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            with short_path(self._path) as path:
                self._listener.bind(path)
        except OSError as e:
            raise SwitchError(f"cannot make the control socket {self._path}: {e.strerror}") from e
        finally:
            os.umask(before)
        self._listener.listen(_MAX_CLIENTS)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        for client in list(self._clients.values()):
            self._close(client)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= _MAX_CLIENTS or not _is_allowed(client):
            client.close()
            return
        client.setblocking(False)
        self._clients[client.fileno()] = client
        asyncio.get_running_loop().add_reader(client, self._receive, client)

    def _receive(self, client: socket.socket) -> None:
        try:
            data, fds, flags, _ = socket.recv_fds(client, MAX_MESSAGE, 1)
        except BlockingIOError:
            return
        except OSError:
            data, fds, flags = b"", [], 0
        if not data or client is self._watcher:
            for fd in fds:
                os.close(fd)
            self._close(client)
            return
        asyncio.get_running_loop().remove_reader(client)
        task = asyncio.get_running_loop().create_task(self._answer(client, data, fds, flags))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, client: socket.socket, data: bytes, fds: list[int], flags: int) -> None:
        if self._watcher is not None and _has_hung_up(self._watcher):
            self._close(self._watcher)
        try:
            request = _parse(data, flags)
            image = _object(fds)
            ring, control = await self._tracing.start(image, request.control, lambda why: self._end(client, why))
        except SwitchError as e:
            self._say(client, {"error": str(e)})
            self._close(client)
            return
        finally:
            for fd in fds:
                os.close(fd)
        self._watcher = client
        if client.fileno() < 0:
            self._close(client)
            return
        asyncio.get_running_loop().add_reader(client, self._receive, client)
        log.info("a trace begins")
        try:
            socket.send_fds(client, [json.dumps({"ok": True}).encode()], [ring, control])
        except OSError:
            self._close(client)

    def _end(self, client: socket.socket, why: str) -> None:
        self._say(client, {"ended": why})
        self._close(client)

    def _say(self, client: socket.socket, message: dict[str, object]) -> None:
        with contextlib.suppress(OSError):
            client.send(json.dumps(message).encode())

    def _close(self, client: socket.socket) -> None:
        if client.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(client)
            self._clients.pop(client.fileno(), None)
            client.close()
        if client is self._watcher:
            self._watcher = None
            self._tracing.stop()
            log.info("the trace has ended")


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A path of a socket that fits its address, which holds 107 bytes, however deep the directory is."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


@dataclass(frozen=True)
class _Request:
    control: bytes


def _has_hung_up(client: socket.socket) -> bool:
    try:
        return not client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _is_allowed(client: socket.socket) -> bool:
    """Whether the peer is root, or the user that the switch runs as."""
    raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(raw)[1] in (0, os.getuid())


def _parse(data: bytes, flags: int) -> _Request:
    if flags & socket.MSG_TRUNC:
        raise SwitchError(f"the request is longer than {MAX_MESSAGE} bytes")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise SwitchError(f"the request is not JSON: {e}") from e
    if not isinstance(message, dict) or message.get("verb") != "trace":
        raise SwitchError("the only request that there is has the verb 'trace'")
    try:
        return _Request(bytes.fromhex(message.get("control", "")))
    except (TypeError, ValueError) as e:
        raise SwitchError(f"the request's control is not hexadecimal: {e}") from e


def _object(fds: list[int]) -> bytes:
    if len(fds) != 1:
        raise SwitchError("the request comes without the file of a traced build")
    try:
        size = os.fstat(fds[0]).st_size
        if size > MAX_OBJECT:
            raise SwitchError(f"a traced build of {size} bytes; at most {MAX_OBJECT} are taken")
        return os.pread(fds[0], size, 0)
    except OSError as e:
        raise SwitchError(f"the file of the traced build cannot be read: {e.strerror}") from e
