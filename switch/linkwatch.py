"""Telling when links of interfaces go up or down (rtnetlink(7))."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

_NETLINK_ROUTE = 0
_RTMGRP_LINK = 1
_BUFFER = 1 << 16


class LinkWatch:
    """Calls `changed` in the event loop whenever a link of this network namespace has changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_ROUTE)
        self._socket.bind((0, _RTMGRP_LINK))

    def start(self) -> None:
        """Begin to watch, in the running event loop."""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def stop(self) -> None:
        """End."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        """Take what is there; what a full buffer has lost does not matter, as the states are looked at anew."""
        with contextlib.suppress(OSError):
            while self._socket.recv(_BUFFER):
                pass
        self._changed()
