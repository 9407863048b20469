"""How the processes of this package that serve in the background are told to end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def until_signal() -> Iterator[socket.socket]:
    """A socket that becomes readable when SIGTERM or SIGINT comes, which then do nothing else."""

    def told(number: int, frame: FrameType | None) -> None:
        """Nothing to do here: the socket has got the signal's number."""

    wake, signalled = socket.socketpair()
    signalled.setblocking(False)
    previous = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    previous_fd = signal.set_wakeup_fd(signalled.fileno())
    try:
        yield wake
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        wake.close()
        signalled.close()
