"""Frames from a packet socket, many by one system call: how hosts send, and cheap at rates that BMv2 can take.

Live frames (kernel.send_live) are cheaper by the million, but each request for some sets up a pool of pages anew.
"""

from __future__ import annotations

import ctypes
import os
import socket
from functools import cache
from types import TracebackType
from typing import ClassVar

from rackplane.experiments.switch_speed.errors import BenchError

_MOST = 64


class _Vector(ctypes.Structure):
    """`struct iovec`."""

    _fields_: ClassVar = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class _Message(ctypes.Structure):
    """`struct mmsghdr`."""

    _fields_: ClassVar = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint),
    ]


class PacketSender:
    """Sends one frame out of an interface as often as is wanted."""

    def __init__(self, interface: str, frame: bytes) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((interface, 0))
        vector = _Vector(frame, len(frame))
        self._messages = (_Message * _MOST)()
        for message in self._messages:
            message.vectors, message.vector_count = ctypes.pointer(vector), 1

    def send(self, count: int) -> None:
        """Send copies of the frame. Raises BenchError."""
        while count > 0:
            wanted = min(count, _MOST)
            sent = _sendmmsg(self._socket.fileno(), self._messages, wanted)
            if sent < 0:
                raise BenchError(f"a frame cannot be sent: {os.strerror(ctypes.get_errno())}")
            count -= sent

    def __enter__(self) -> PacketSender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def _sendmmsg(fd: int, messages: ctypes.Array[_Message], count: int) -> int:
    return int(_libc().sendmmsg(fd, messages, ctypes.c_uint(count), 0))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
