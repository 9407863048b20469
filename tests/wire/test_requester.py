"""The requester, without a network: segments, the window, retries, refusals."""

from __future__ import annotations

from random import Random

import pytest

from rackplane.wire import errors
from rackplane.wire.generated.rack_headers import Opcode, Syndrome
from rackplane.wire.packet import Answer, Request
from rackplane.wire.requester import (
    MAX_OPERATION,
    Requester,
    Timing,
    compare_swap,
    fetch_add,
    read,
    write,
)

TIMING = Timing(first_retry=1, longest_retry=4, first_wait=0.25, longest_wait=1, patience=30)


def requester(first_psn: int = 0) -> Requester:
    return Requester(first_psn, TIMING, Random(1))


def answer(psn: int, opcode: int, syndrome: int = 0, data: bytes = b"", original: int = 0) -> Answer:
    return Answer(1, psn, opcode, syndrome, data, original)


def psns(found: Requester, now: float) -> list[int]:
    return [transmission.psn for transmission in found.poll(now)]


@pytest.mark.parametrize(
    ("va", "length", "segments"),
    [
        (0, 0, []),
        (0, 64, [(0, 64)]),
        (0, 1024, [(0, 1024)]),
        (0, 1025, [(0, 1024), (1024, 1)]),
        (1000, 48, [(1000, 24), (1024, 24)]),
        (4096, 4096, [(4096, 1024), (5120, 1024), (6144, 1024), (7168, 1024)]),
        ((1 << 64) - 8, 8, [((1 << 64) - 8, 8)]),
    ],
)
def test_segments(va: int, length: int, segments: list[tuple[int, int]]) -> None:
    data = bytes(at % 251 for at in range(length))
    assert [(s.va, s.length) for s in read(va, length)] == segments
    written = write(va, data)
    assert [(s.va, s.length) for s in written] == segments
    assert b"".join(s.data for s in written) == data


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: read(0, MAX_OPERATION + 1), "has 0 to 67108864 bytes, not 67108865"),
        (lambda: read(0, -1), "not -1"),
        (lambda: read(-1, 8), "8 bytes at -0x1 are beyond"),
        (lambda: write((1 << 64) - 7, bytes(8)), "beyond 64-bit addresses"),
        (lambda: fetch_add(4, 1), "0x4 is not a multiple of 8"),
        (lambda: compare_swap(8, -1, 0), "-1 does not fit 64 bits"),
        (lambda: compare_swap(8, 0, 1 << 64), "does not fit 64 bits"),
    ],
)
def test_arguments_that_no_request_can_have(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_an_operation_of_no_bytes_is_done_at_once() -> None:
    found = requester()
    ticket = found.submit(read(0, 0))
    assert found.completed().ticket == ticket  # type: ignore[union-attr]
    assert found.idle()


def test_the_same_psn_is_sent_again_ever_later_until_it_is_answered() -> None:
    found = requester(first_psn=0xFFFFFF)
    found.submit(read(0, 2048))
    sent = {now: psns(found, now) for now in (0, 0.5, 1, 2, 3, 6.9, 7, 11)}
    both = [0xFFFFFF, 0]
    assert sent == {0: both, 0.5: [], 1: both, 2: [], 3: both, 6.9: [], 7: both, 11: both}
    found.receive(answer(0, Opcode.RDMA_READ_RESPONSE_ONLY, data=b"b" * 1024), 11)
    assert psns(found, 15) == [0xFFFFFF]
    found.receive(answer(0xFFFFFF, Opcode.RDMA_READ_RESPONSE_ONLY, data=b"a" * 1024), 15)
    completion = found.completed()
    assert completion is not None
    assert completion.error is None
    assert completion.data == b"a" * 1024 + b"b" * 1024
    assert found.idle()
    assert found.deadline() is None


def test_the_oldest_unanswered_psn_and_the_newest_differ_by_less_than_256() -> None:
    found = requester(first_psn=0xFFFF80)
    found.submit(write(0, bytes(1024 * 300)))
    first = psns(found, 0)
    assert first == [(0xFFFF80 + n) % (1 << 24) for n in range(256)]
    for psn in first[1:]:
        found.receive(answer(psn, Opcode.ACKNOWLEDGE), 0)
    assert psns(found, 0) == []
    found.receive(answer(first[0], Opcode.ACKNOWLEDGE), 0)
    rest = psns(found, 0)
    assert rest == [(0xFFFF80 + n) % (1 << 24) for n in range(256, 300)]
    for psn in rest:
        assert found.completed() is None
        found.receive(answer(psn, Opcode.ACKNOWLEDGE), 0)
    assert found.completed() is not None


def test_timeouts_halve_what_is_under_way_and_answers_open_it_again() -> None:
    found = requester()
    found.submit(write(0, bytes(1024 * 600)))
    assert len(psns(found, 0)) == 256
    repeated = [len(psns(found, now)) for now in (1, 3, 7, 11, 15, 19, 23)]
    assert repeated == [128, 64, 32, 16, 8, 4, 4]
    for psn in range(255):
        found.receive(answer(psn, Opcode.ACKNOWLEDGE), 24)
    assert len(psns(found, 24)) == 255, "each answer allows one more, up to the window of PSNs"
    found.receive(answer(255, Opcode.ACKNOWLEDGE), 24)
    assert len(psns(found, 24)) == 1


def test_the_retry_time_stays_doubled_until_a_segment_sent_once_is_answered() -> None:
    found = requester()
    found.submit(write(0, b"x"))
    assert [len(psns(found, now)) for now in (0, 1)] == [1, 1]
    found.receive(answer(0, Opcode.ACKNOWLEDGE), 1)
    for psn, (retry_is_at_least, retry_is_at_most) in enumerate([(2, 2), (1, 1)], start=1):
        found.submit(write(0, b"x"))
        found.poll(10 * psn)
        deadline = found.deadline()
        assert deadline is not None
        assert retry_is_at_least <= deadline - 10 * psn <= retry_is_at_most
        found.receive(answer(psn, Opcode.ACKNOWLEDGE), 10 * psn)


@pytest.mark.parametrize(
    ("segments", "wrong"),
    [
        (read(0, 8), answer(5, Opcode.ACKNOWLEDGE)),
        (read(0, 8), answer(5, Opcode.RDMA_READ_RESPONSE_ONLY, data=b"short")),
        (read(0, 8), answer(4, Opcode.RDMA_READ_RESPONSE_ONLY, data=bytes(8))),
        (read(0, 8), answer(6, Opcode.ACKNOWLEDGE, Syndrome.NAK_REMOTE_ACCESS)),
        (write(0, b"x"), answer(5, Opcode.ATOMIC_ACKNOWLEDGE)),
        (fetch_add(0, 1), answer(5, Opcode.ACKNOWLEDGE)),
    ],
    ids=["kind", "length", "older", "newer", "write", "atomic"],
)
def test_an_answer_to_something_else_is_counted_and_ignored(segments: list[Request], wrong: Answer) -> None:
    found = requester(first_psn=5)
    found.submit(segments)
    assert psns(found, 0) == [5]
    found.receive(wrong, 0)
    assert (found.statistics.stale, found.completed(), found.idle()) == (1, None, False)


@pytest.mark.parametrize(
    ("syndrome", "kind"),
    [
        (Syndrome.NAK_INVALID_REQUEST, errors.InvalidRequestError),
        (Syndrome.NAK_REMOTE_ACCESS, errors.RemoteAccessError),
        (Syndrome.NAK_REMOTE_OPERATIONAL, errors.RemoteOperationalError),
        (0x7F, errors.RequestError),
    ],
)
def test_a_refused_segment_ends_its_operation(syndrome: int, kind: type[errors.RequestError]) -> None:
    found = requester()
    bad = found.submit(write(0, bytes(300 * 1024)))
    good = found.submit(fetch_add(0, 1))
    found.poll(0)
    found.receive(answer(3, Opcode.ACKNOWLEDGE, syndrome), 0)
    completion = found.completed()
    assert completion is not None
    assert (completion.ticket, type(completion.error)) == (bad, kind)
    assert "RDMA_WRITE_ONLY of 1024 bytes at 0xc00 was refused" in str(completion.error)
    assert psns(found, 0) == [256]
    found.receive(answer(256, Opcode.ATOMIC_ACKNOWLEDGE, original=41), 0)
    completion = found.completed()
    assert completion is not None
    assert (completion.ticket, completion.original, completion.error) == (good, 41, None)


def test_receiver_not_ready_is_waited_for_ever_longer() -> None:
    found = requester()
    found.submit(read(0, 8))
    now, waits = 0.0, []
    assert psns(found, now) == [0]
    for _ in range(6):
        found.receive(answer(0, Opcode.ACKNOWLEDGE, Syndrome.RNR_NAK), now)
        due = found.deadline()
        assert due is not None
        waits.append(due - now)
        assert psns(found, now + 0.9 * (due - now)) == []
        now = due
        assert psns(found, now) == [0]
    bounds = [0.25, 0.5, 1, 1, 1, 1]
    assert all(0.5 * bound <= wait <= 1.5 * bound for wait, bound in zip(waits, bounds, strict=True))
    assert found.statistics.not_ready == 6


@pytest.mark.parametrize(
    ("busy", "kind"), [(False, errors.NoAnswerError), (True, errors.BusyError)], ids=["silence", "busy"]
)
def test_patience_ends(busy: bool, kind: type[errors.RequestError]) -> None:
    found = requester()
    found.submit(read(0, 4096))
    found.poll(0)
    if busy:
        found.receive(answer(0, Opcode.ACKNOWLEDGE, Syndrome.RNR_NAK), 0)
    assert found.poll(29.9)
    assert found.poll(30) == []
    completion = found.completed()
    assert completion is not None
    assert isinstance(completion.error, kind)
    assert "RDMA_READ_REQUEST of 1024 bytes at 0x0" in str(completion.error)
    assert found.completed() is None
    assert found.idle()


def test_no_answer_is_a_timeout_for_callers_who_know_nothing_of_racks() -> None:
    assert issubclass(errors.NoAnswerError, TimeoutError)
