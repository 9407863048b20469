"""The requester: operations on rack memory as segments with PSNs, sent again until they are answered. Pure.

It does no I/O and reads no clock: `poll` gives what is to be sent at a time, `receive` takes what has come.
Operations are independent of each other: whoever needs an order waits for one before submitting the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from rackplane.wire.errors import BusyError, NoAnswerError, RequestError, refusal
from rackplane.wire.generated.rack_headers import Opcode
from rackplane.wire.packet import (
    PSN_MODULUS,
    SEGMENT_SIZE,
    Answer,
    Request,
    is_acknowledged,
    is_not_ready,
)

WINDOW = 256
"""The oldest unanswered PSN and the newest differ by less."""

LEAST_WINDOW = 4.0
"""Segments under way that timeouts leave, however many there are."""

MAX_OPERATION = 1 << 26
"""Bytes of one operation."""

_ANSWERS = {
    Opcode.RDMA_READ_REQUEST: Opcode.RDMA_READ_RESPONSE_ONLY,
    Opcode.RDMA_WRITE_ONLY: Opcode.ACKNOWLEDGE,
    Opcode.COMPARE_SWAP: Opcode.ATOMIC_ACKNOWLEDGE,
    Opcode.FETCH_ADD: Opcode.ATOMIC_ACKNOWLEDGE,
}
_MAX_U64 = (1 << 64) - 1


@dataclass(frozen=True)
class Timing:
    """Seconds.

    first_retry, longest_retry   until a segment is sent again: doubled each time
    first_wait, longest_wait     after `receiver not ready`: doubled each time, and of random length
    patience                     until an operation without an answer has failed. It is shorter than a memory
                                 blade's memory of a queue pair, so that no update is done twice.
    """

    first_retry: float = 0.002
    longest_retry: float = 0.064
    first_wait: float = 0.000008
    longest_wait: float = 0.001
    patience: float = 5.0


@dataclass(frozen=True)
class Transmission:
    """A packet to be sent now."""

    psn: int
    request: Request


@dataclass(frozen=True)
class Completion:
    """An operation that has ended: `data` of a READ, `original` of an atomic, or the `error` it failed with."""

    ticket: int
    data: bytes = b""
    original: int = 0
    error: RequestError | None = None


@dataclass
class Statistics:
    """What a requester has seen."""

    sent: int = 0
    retransmitted: int = 0
    not_ready: int = 0
    stale: int = 0
    """Answers to nothing that is unanswered: repeated, late, or of the wrong kind."""


@dataclass(eq=False)
class _Operation:
    ticket: int
    unsent: deque[Request]
    unanswered: int
    base: int
    data: bytearray
    original: int = 0


@dataclass
class _Segment:
    operation: _Operation
    request: Request
    began: float
    due: float
    retry: float
    wait: float
    answered: bool = False
    """With `receiver not ready`, at least once."""
    repeated: bool = False


class _Congestion:
    """How many segments may be under way, and how long a new one waits for its answer.

    A slow rack must not get every packet many times over: timeouts halve the window, at most once per retry time,
    and answers open it again. The retry time stays doubled until a segment that was sent once is answered (Karn).
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._window = float(WINDOW)
        self._may_shrink_at = 0.0
        self.retry = timing.first_retry

    @property
    def window(self) -> int:
        """Segments."""
        return int(self._window)

    def timed_out(self, now: float, waited: float) -> None:
        """A segment had no answer for `waited` seconds."""
        self.retry = min(max(self.retry, 2 * waited), self._timing.longest_retry)
        if now >= self._may_shrink_at:
            self._window = max(self._window / 2, LEAST_WINDOW)
            self._may_shrink_at = now + self.retry

    def answered(self, *, repeated: bool) -> None:
        """A segment has its answer."""
        self._window = min(self._window + 1, WINDOW)
        if not repeated:
            self.retry = max(self.retry / 2, self._timing.first_retry)


def read(va: int, length: int) -> list[Request]:
    """The segments of a READ. Raises ValueError for a range that is none."""
    _check_range(va, length)
    return [Request(Opcode.RDMA_READ_REQUEST, at, size) for at, size in _segments(va, length)]


def write(va: int, data: bytes) -> list[Request]:
    """The segments of a WRITE. Raises ValueError for a range that is none."""
    _check_range(va, len(data))
    return [
        Request(Opcode.RDMA_WRITE_ONLY, at, size, data=data[at - va : at - va + size])
        for at, size in _segments(va, len(data))
    ]


def compare_swap(va: int, expected: int, desired: int) -> list[Request]:
    """CMP_SWAP of eight aligned bytes. Raises ValueError."""
    _check_word(va, expected, desired)
    return [Request(Opcode.COMPARE_SWAP, va, 8, operand=desired, compare=expected)]


def fetch_add(va: int, addend: int) -> list[Request]:
    """FETCH_ADD of eight aligned bytes, modulo 2**64. Raises ValueError."""
    _check_word(va)
    return [Request(Opcode.FETCH_ADD, va, 8, operand=addend & _MAX_U64)]


class Requester:
    """One queue pair: PSNs from `first_psn` on, at most 256 of them in use."""

    def __init__(self, first_psn: int, timing: Timing | None = None, random: Random | None = None) -> None:
        self.statistics = Statistics()
        self._timing = timing or Timing()
        self._random = random or Random()  # noqa: S311 - it spreads retries
        self._congestion = _Congestion(self._timing)
        self._next_psn = first_psn % PSN_MODULUS
        self._next_ticket = 0
        self._waiting: deque[_Operation] = deque()
        self._segments: dict[int, _Segment] = {}
        """By PSN, the oldest first."""
        self._completions: deque[Completion] = deque()

    def submit(self, segments: list[Request]) -> int:
        """Begin an operation; its completion will have the ticket that is returned."""
        ticket = self._next_ticket
        self._next_ticket += 1
        size = sum(segment.length for segment in segments if segment.opcode == Opcode.RDMA_READ_REQUEST)
        base = segments[0].va if segments else 0
        operation = _Operation(ticket, deque(segments), len(segments), base, bytearray(size))
        if segments:
            self._waiting.append(operation)
        else:
            self._completions.append(Completion(ticket))
        return ticket

    def poll(self, now: float) -> list[Transmission]:
        """What is to be sent now: new segments as the window allows, and those that are due again."""
        self._give_up(now)
        return [*self._retransmissions(now), *self._new_segments(now)]

    def deadline(self) -> float | None:
        """When `poll` has something to do again if nothing comes; None when nothing is unanswered."""
        return min((segment.due for segment in self._segments.values()), default=None)

    def receive(self, answer: Answer, now: float) -> None:
        """Take an answer. What answers nothing is counted and otherwise ignored."""
        segment = self._segments.get(answer.psn)
        if segment is None:
            self.statistics.stale += 1
        elif is_not_ready(answer.syndrome):
            self._wait(segment, now)
        elif not is_acknowledged(answer.syndrome):
            self._fail(segment.operation, refusal(str(segment.request), answer.syndrome))
        elif _answers(segment.request, answer):
            del self._segments[answer.psn]
            self._congestion.answered(repeated=segment.repeated)
            self._accept(segment, answer)
        else:
            self.statistics.stale += 1

    def completed(self) -> Completion | None:
        """The next operation that has ended, if one has."""
        return self._completions.popleft() if self._completions else None

    def idle(self) -> bool:
        """Whether every operation has ended."""
        return not self._waiting and not self._segments

    def _new_segments(self, now: float) -> Iterator[Transmission]:
        while self._waiting and self._has_room():
            operation = self._waiting[0]
            psn, request = self._next_psn, operation.unsent.popleft()
            if not operation.unsent:
                self._waiting.popleft()
            self._next_psn = (psn + 1) % PSN_MODULUS
            retry = self._congestion.retry
            self._segments[psn] = _Segment(operation, request, now, now + retry, retry, self._timing.first_wait)
            self.statistics.sent += 1
            yield Transmission(psn, request)

    def _has_room(self) -> bool:
        oldest = next(iter(self._segments), self._next_psn)
        return (self._next_psn - oldest) % PSN_MODULUS < WINDOW and len(self._segments) < self._congestion.window

    def _retransmissions(self, now: float) -> Iterator[Transmission]:
        due = [(psn, segment) for psn, segment in self._segments.items() if segment.due <= now]
        for _, segment in due:
            if not segment.answered:
                self._congestion.timed_out(now, segment.retry)
            segment.retry = min(2 * segment.retry, self._timing.longest_retry)
            segment.due = now + segment.retry
        for psn, segment in due[: self._congestion.window]:
            segment.repeated = True
            self.statistics.retransmitted += 1
            yield Transmission(psn, segment.request)

    def _wait(self, segment: _Segment, now: float) -> None:
        self.statistics.not_ready += 1
        segment.answered = True
        segment.due = now + segment.wait * self._random.uniform(0.5, 1.5)
        segment.wait = min(2 * segment.wait, self._timing.longest_wait)

    def _give_up(self, now: float) -> None:
        for psn, segment in list(self._segments.items()):
            if now - segment.began < self._timing.patience or psn not in self._segments:
                continue
            kind, reason = (BusyError, "found it busy") if segment.answered else (NoAnswerError, "got no answer")
            self._fail(segment.operation, kind(f"{segment.request} {reason} for {self._timing.patience} s"))

    def _fail(self, operation: _Operation, error: RequestError) -> None:
        for psn in [psn for psn, segment in self._segments.items() if segment.operation is operation]:
            del self._segments[psn]
        if operation.unsent and operation in self._waiting:
            self._waiting.remove(operation)
        self._completions.append(Completion(operation.ticket, error=error))

    def _accept(self, segment: _Segment, answer: Answer) -> None:
        operation, request = segment.operation, segment.request
        if request.opcode == Opcode.RDMA_READ_REQUEST:
            at = request.va - operation.base
            operation.data[at : at + request.length] = answer.data
        operation.original = answer.original
        operation.unanswered -= 1
        if not operation.unanswered:
            done = Completion(operation.ticket, bytes(operation.data), operation.original)
            self._completions.append(done)


def _answers(request: Request, answer: Answer) -> bool:
    if answer.opcode != _ANSWERS[request.opcode]:
        return False
    return request.opcode != Opcode.RDMA_READ_REQUEST or len(answer.data) == request.length


def _segments(va: int, length: int) -> Iterator[tuple[int, int]]:
    """(va, length) of each segment: none crosses a multiple of SEGMENT_SIZE."""
    end = va + length
    while va < end:
        size = min(end, va // SEGMENT_SIZE * SEGMENT_SIZE + SEGMENT_SIZE) - va
        yield va, size
        va += size


def _check_range(va: int, length: int) -> None:
    if not 0 <= length <= MAX_OPERATION:
        raise ValueError(f"an operation has 0 to {MAX_OPERATION} bytes, not {length}")
    if not 0 <= va <= _MAX_U64 + 1 - length:
        raise ValueError(f"{length} bytes at {va:#x} are beyond 64-bit addresses")


def _check_word(va: int, *values: int) -> None:
    if va % 8 or not 0 <= va <= _MAX_U64:
        raise ValueError(f"an atomic works on eight aligned bytes; {va:#x} is not a multiple of 8")
    for value in values:
        if not 0 <= value <= _MAX_U64:
            raise ValueError(f"{value} does not fit 64 bits")
