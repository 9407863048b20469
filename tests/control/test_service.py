"""The service over its Unix socket: answers, refusals, bounds, and who may connect."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rackplane.control import service
from rackplane.control.service import MAX_REQUEST, Refusal, ServiceError, call, serve


async def _echo(message: object) -> object:
    if message == {"call": "refuse"}:
        raise Refusal("no")
    if message == {"call": "long"}:
        return "x" * 100_000
    return message


@contextlib.contextmanager
def running(path: Path) -> Iterator[None]:
    loop, started, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def body() -> None:
        async with serve(path, _echo):
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(body(),))
    thread.start()
    try:
        assert started.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def test_answers(path: Path) -> None:
    with running(path):
        assert call(path, {"call": "hello", "n": 1}) == {"call": "hello", "n": 1}
        assert call(path, {"call": "long"}) == "x" * 100_000
    assert not path.exists()


def test_refusal_is_the_clients_error(path: Path) -> None:
    with running(path), pytest.raises(ServiceError, match=r"^no$"):
        call(path, {"call": "refuse"})


def test_only_the_owner_may_connect(path: Path) -> None:
    with running(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def raw(path: Path, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while part := connection.recv(1 << 16):
                received += part
            return received
    return b""


@pytest.mark.parametrize("data", [b"not json\n", b"{\n", b"\xff\xfe\n", b"[1,\n"])
def test_no_json(path: Path, data: bytes) -> None:
    with running(path):
        assert "error" in json.loads(raw(path, data))
        assert call(path, {"call": "still there"})


def test_a_line_without_end_is_cut_off(path: Path) -> None:
    with running(path):
        assert raw(path, b"x" * (4 * MAX_REQUEST)) == b""
        assert call(path, {"call": "still there"})


def test_several_requests_on_one_connection(path: Path) -> None:
    with running(path):
        lines = raw(path, b'{"a": 1}\n{"b": 2}\n').splitlines()
    assert [json.loads(line) for line in lines] == [{"result": {"a": 1}}, {"result": {"b": 2}}]


def test_too_many_clients(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_CLIENTS", 1)
    with running(path), socket.socket(socket.AF_UNIX) as first:
        first.connect(str(path))
        first.sendall(b"1\n")
        assert first.recv(100)
        with pytest.raises(ServiceError, match="more than 1 clients"):
            call(path, {"call": "hello"})


def test_nobody_there(path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be reached"):
        call(path, {})


def test_a_second_server_is_refused(path: Path) -> None:
    with running(path), pytest.raises(ServiceError, match=r"serves at .* already"):
        asyncio.run(_serve_once(path))


def test_a_socket_that_a_killed_server_left_is_taken_over(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with running(path):
        assert call(path, {"call": "hello"})


def test_a_file_is_not_overwritten(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ServiceError, match="is no socket"):
        asyncio.run(_serve_once(path))
    assert path.read_text() == "precious"


async def _serve_once(path: Path) -> None:
    async with serve(path, _echo):
        pass
