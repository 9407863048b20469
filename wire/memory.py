"""Rack memory from Python: blocking reads, writes and atomics on direct memory, through one queue pair."""

from __future__ import annotations

import secrets
import socket
import time
from types import TracebackType
from typing import Self

from rackplane.wire.errors import PacketError, TransportError
from rackplane.wire.packet import RACK, Addressing, Endpoint, Request, parse_answer, request_frame
from rackplane.wire.packet_socket import PacketSocket
from rackplane.wire.requester import (
    Completion,
    Requester,
    Statistics,
    Timing,
    compare_swap,
    fetch_add,
    read,
    write,
)

_QUEUE_PAIRS = 65472
_TURN = 20.46
"""Seconds until a number comes again: longer than a memory blade remembers a silent queue pair."""

_TRIES = 64


class QueuePairClaim:
    """A queue pair number that no other process of this host's network namespace has, as long as this is open.

    Numbers run with the time since boot, so that none comes again before memory blades have forgotten it: they
    would take new requests for old ones.
    """

    def __init__(self) -> None:
        first = int(time.clock_gettime(time.CLOCK_BOOTTIME) % _TURN / _TURN * _QUEUE_PAIRS)
        for number in range(first, first + _TRIES):
            self.number = 1 + number % _QUEUE_PAIRS
            self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self._claim.bind(f"\0rackplane-queue-pair-{self.number}")
            except OSError:
                self._claim.close()
                continue
            return
        raise TransportError("all queue pairs of this moment are taken; try again")

    def close(self) -> None:
        """Give the number up."""
        self._claim.close()


class RackMemory:
    """Reads and writes rack memory at global addresses; each call returns when it is done.

    One thread at a time. `domain` is the protection domain. Errors: RequestError and its kinds where the memory
    says no or says nothing, TransportError for the link, ValueError for arguments that no request can have.
    """

    def __init__(
        self,
        interface: str,
        domain: int = 0,
        *,
        own: Endpoint | None = None,
        peer: Endpoint = RACK,
        timing: Timing | None = None,
    ) -> None:
        self._socket = PacketSocket(interface)
        try:
            self._claim = QueuePairClaim()
            self._addressing = Addressing(own or self._socket.endpoint(), peer, self._claim.number, domain)
        except TransportError:
            self._socket.close()
            raise
        self._requester = Requester(secrets.randbits(24), timing)

    @property
    def queue_pair(self) -> int:
        """The number of this queue pair."""
        return self._claim.number

    @property
    def statistics(self) -> Statistics:
        """What the requester has seen."""
        return self._requester.statistics

    def read(self, va: int, length: int) -> bytes:
        """`length` bytes at `va`. Eight aligned bytes are read at once, longer ranges in segments of 1 KiB."""
        return self._run(read(va, length)).data

    def write(self, va: int, data: bytes) -> None:
        """Write `data` at `va`; it is there for every reader when this returns."""
        self._run(write(va, data))

    def cas(self, va: int, expected: int, desired: int) -> int:
        """If the 64-bit word at `va` is `expected`, make it `desired`; gives what it was."""
        return self._run(compare_swap(va, expected, desired)).original

    def fetch_add(self, va: int, addend: int) -> int:
        """Add to the 64-bit word at `va`, modulo 2**64; gives what it was."""
        return self._run(fetch_add(va, addend)).original

    def _run(self, segments: list[Request]) -> Completion:
        self._requester.submit(segments)
        while (done := self._requester.completed()) is None:
            self._send_due()
            self._receive()
        if done.error is not None:
            raise done.error
        return done

    def _send_due(self) -> None:
        for transmission in self._requester.poll(time.monotonic()):
            self._socket.send(request_frame(self._addressing, transmission.psn, transmission.request))

    def _receive(self) -> None:
        """Take the next frame, or what has come until something is due."""
        deadline = self._requester.deadline()
        frame = None if deadline is None else self._socket.receive(deadline)
        if frame is None:
            return
        try:
            answer = parse_answer(frame)
        except PacketError:
            return  # the request is sent again
        if answer is not None and answer.queue_pair == self._addressing.queue_pair:
            self._requester.receive(answer, time.monotonic())

    def close(self) -> None:
        """Give the queue pair and the sockets up."""
        self._claim.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
