"""One controller's stream, as the switch sees it: a bounded queue of messages to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from finsy.proto import p4r

from rackplane.switch.errors import RequestError

QUEUE_LIMIT = 4096


class Controller:
    """One open stream. Packets that do not fit into the queue are dropped and counted; other messages never are."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[p4r.StreamMessageResponse | RequestError | None] = asyncio.Queue()
        self.dropped = 0

    def send(self, message: p4r.StreamMessageResponse) -> None:
        """Queue a message that must arrive."""
        self._queue.put_nowait(message)

    def offer(self, message: p4r.StreamMessageResponse) -> bool:
        """Queue a packet, a notification or an error report; False when the controller does not keep up."""
        if self._queue.qsize() >= QUEUE_LIMIT:
            self.dropped += 1
            return False
        self._queue.put_nowait(message)
        return True

    def end(self, error: RequestError | None = None) -> None:
        """Close the stream, with an error where there is one."""
        self._queue.put_nowait(error)

    async def messages(self) -> AsyncIterator[p4r.StreamMessageResponse]:
        """Yield what is queued until end(); raise its error."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, RequestError):
                raise item
            yield item
