"""The control socket of a memory blade: one JSON object per line in, one per line out.

    {"verb": "stats"}  ->  {"capacity": bytes, "counters": {name: number, ...}}
    anything else      ->  {"error": text}

Requests are small and answered at once, so connections are served one after the other; each has a second to say
what it wants. Memory traffic never passes here.
"""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

MAX_REQUEST = 4096
_PATIENCE = 1.0
_BACKLOG = 16

Json = Mapping[str, object]


class ControlError(Exception):
    """The control socket cannot be made, or an answer does not come."""


class Blade(Protocol):
    """What the control socket needs to know of a blade."""

    def counters(self) -> dict[str, int]:
        """What it has done, by name."""

    @property
    def capacity(self) -> int:
        """Bytes that it serves."""


def answer(blade: Blade, line: bytes) -> Json:
    """The answer to one request."""
    try:
        request = json.loads(line)
    except ValueError as error:
        return {"error": f"not JSON: {error}"}
    verb = request.get("verb") if isinstance(request, dict) else None
    if verb == "stats":
        return {"capacity": blade.capacity, "counters": blade.counters()}
    return {"error": f'no such request: {line.decode(errors="replace").strip()!r}; there is {{"verb": "stats"}}'}


class ControlServer:
    """Listens at a socket file, which it makes and removes."""

    def __init__(self, path: Path, blade: Blade) -> None:
        self._path = path
        self._blade = blade
        self._listener = _listen(path)

    def serve(self, wake: socket.socket) -> None:
        """Answer requests until `wake` becomes readable."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if wake in ready:
                    return
                self._serve_next()

    def _serve_next(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        with connection:
            connection.settimeout(_PATIENCE)
            try:
                line = _read_line(connection)
                if line:
                    connection.sendall(json.dumps(answer(self._blade, line)).encode() + b"\n")
            except OSError:
                return  # too slow, or gone

    def close(self) -> None:
        """Stop listening and remove the socket file."""
        self._listener.close()
        self._path.unlink(missing_ok=True)


def ask(path: Path, request: Json) -> Json:
    """Ask a memory blade at its control socket. Raises ControlError."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2 * _PATIENCE)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = _read_line(connection, limit=1 << 20)
    except OSError as error:
        raise ControlError(f"no answer from the memory blade at {path}: {error}") from error
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ControlError(f"the memory blade at {path} answers {line[:80]!r}, which is not JSON") from error
    if not isinstance(found, dict) or "error" in found:
        raise ControlError(f"the memory blade at {path} answers {found!r}")
    return found


def _read_line(connection: socket.socket, limit: int = MAX_REQUEST) -> bytes:
    """One line, at most `limit` bytes; what has come when the peer closes."""
    line = bytearray()
    while b"\n" not in line and len(line) < limit:
        part = connection.recv(limit - len(line))
        if not part:
            break
        line += part
    return bytes(line.partition(b"\n")[0])


def _listen(path: Path) -> socket.socket:
    """A listening socket; a file that a killed process left is replaced, a live one is not."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket() and not _is_alive(path):
            path.unlink()
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ControlError(f"cannot listen at {path}: {error}; give another --control") from error
    return listener


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PATIENCE)
        return _connects(probe, path)


def _connects(probe: socket.socket, path: Path) -> bool:
    try:
        probe.connect(str(path))
    except ConnectionRefusedError:
        return False
    return True
