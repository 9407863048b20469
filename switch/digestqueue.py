"""What happens to the messages of one digest between the data plane and the controller (spec, "DigestEntry").

Pure state; times are nanoseconds of any clock that does not go back.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MAX_LIST_SIZE = 4096
MAX_UNACKED = 1 << 16


@dataclass(frozen=True)
class DigestConfig:
    """How lists are made: ns a message may wait, messages per list (0: no limit), ns until an ack is given up."""

    max_timeout_ns: int = 0
    max_list_size: int = 0
    ack_timeout_ns: int = 0


@dataclass(frozen=True)
class DigestBatch:
    """Distinct messages that are sent together."""

    list_id: int
    messages: tuple[bytes, ...]


@dataclass
class _Sent:
    messages: tuple[bytes, ...]
    at: int


class DigestQueue:
    """Messages that wait, and those that were sent and are not acknowledged: both filter duplicates."""

    def __init__(self, config: DigestConfig, first_list: int = 1) -> None:
        self.config = config
        self.next_list = first_list
        self._waiting: dict[bytes, None] = {}
        self._first_at = 0
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._unacked: set[bytes] = set()

    def add(self, message: bytes, now: int) -> DigestBatch | None:
        """Take a message; return a list when it is ready to be sent."""
        self._expire(now)
        if message in self._waiting or message in self._unacked:
            return None
        if not self._waiting:
            self._first_at = now
        self._waiting[message] = None
        return self._take(now) if self._ready(now) else None

    def tick(self, now: int) -> DigestBatch | None:
        """Forget what is too old; return a list when its time has come."""
        self._expire(now)
        return self._take(now) if self._ready(now) else None

    def acknowledge(self, list_id: int) -> bool:
        """The controller has seen a list; False when there is none of that number (any more)."""
        sent = self._sent.pop(list_id, None)
        if sent is not None:
            self._unacked.difference_update(sent.messages)
        return sent is not None

    def forget(self) -> None:
        """Drop what waits and what was sent: the controller has changed."""
        self._waiting.clear()
        self._sent.clear()
        self._unacked.clear()

    def deadline(self) -> int | None:
        """When tick() has to be called next, if nothing else happens."""
        times = []
        if self._waiting:
            times.append(self._first_at + self.config.max_timeout_ns)
        if self._sent:
            times.append(next(iter(self._sent.values())).at + self.config.ack_timeout_ns)
        return min(times, default=None)

    def _ready(self, now: int) -> bool:
        limit = min(self.config.max_list_size or MAX_LIST_SIZE, MAX_LIST_SIZE)
        waited = now - self._first_at >= self.config.max_timeout_ns
        return bool(self._waiting) and (waited or len(self._waiting) >= limit)

    def _take(self, now: int) -> DigestBatch:
        batch = DigestBatch(self.next_list, tuple(self._waiting))
        self.next_list += 1
        self._waiting.clear()
        if self.config.ack_timeout_ns:
            self._sent[batch.list_id] = _Sent(batch.messages, now)
            self._unacked.update(batch.messages)
            while len(self._unacked) > MAX_UNACKED:
                self.acknowledge(next(iter(self._sent)))
        return batch

    def _expire(self, now: int) -> None:
        while self._sent:
            list_id, oldest = next(iter(self._sent.items()))
            if now - oldest.at < self.config.ack_timeout_ns:
                return
            self.acknowledge(list_id)
