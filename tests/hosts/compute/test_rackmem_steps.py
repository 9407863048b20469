"""Decisions of the protocol core one by one: an event goes in, these actions come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from protocol_core import Action, ActionKind, Core, Failure, Times
from rack_packets import (
    CONFIRM,
    DOWNGRADE,
    KEPT,
    MODIFIED,
    NO_PAGE,
    PERM_MODIFIED,
    PERM_SHARED,
    SEGMENT,
    STALE,
    Coherence,
    Opcode,
    Packet,
    Syndrome,
    msn_of,
)

BASE = 1 << 40
PAGE = 4096
FILL_QP, WRITE_QP, CONTROL_QP = 1, 2, 3
US, MS, S = 1_000, 1_000_000, 1_000_000_000
TIMES = Times()


@dataclass
class Bench:
    """A core, and what it did since the last look."""

    core: Core = field(init=False)
    now: int = S
    actions: list[Action] = field(default_factory=list)
    log: list[Action] = field(default_factory=list)
    """All that it ever did."""

    def perform(self, action: Action) -> None:
        self.actions.append(action)
        self.log.append(action)

    def taken(self) -> list[Action]:
        taken, self.actions = self.actions, []
        return taken

    def sent(self) -> list[Packet]:
        return [action.packet for action in self.taken() if action.packet is not None]

    def fault(self, page: int = 0, *, write: bool = False) -> list[Packet]:
        self.core.fault(BASE + page * PAGE, write=write, now=self.now)
        return self.sent()

    def receive(self, packet: Packet) -> list[Action]:
        self.core.receive(packet, self.now)
        return self.taken()

    def later(self, duration: int) -> list[Action]:
        """Time passes: the core is called whenever it wants to be."""
        end = self.now + duration
        while self.core.wake_at() <= end:
            self.now = max(self.now, self.core.wake_at())
            self.core.tick(self.now)
        self.now = end
        return self.taken()

    def answer(
        self, request: Packet, permission: int, version: int, *, pending: bool = False, log2: int = 12
    ) -> list[Action]:
        msn = msn_of(log2, permission, pending=pending, version=version)
        payload = bytes([request.va // SEGMENT % 4 + 1]) * SEGMENT
        return self.receive(
            Packet(Opcode.RDMA_READ_RESPONSE_ONLY, qp=request.qp, psn=request.psn, msn=msn, payload=payload)
        )

    def refuse(self, request: Packet, syndrome: int) -> list[Action]:
        return self.receive(Packet(Opcode.ACKNOWLEDGE, qp=request.qp, psn=request.psn, syndrome=syndrome))

    def hold(self, page: int = 0, *, write: bool = False, version: int = 1, log2: int = 12) -> None:
        """The page is here, and its hold is over."""
        permission = PERM_MODIFIED if write else PERM_SHARED
        for request in self.fault(page, write=write):
            self.answer(request, permission, version, log2=log2)
        self.later(TIMES.hold)

    def invalidate(
        self, version: int, flags: int = 0, *, page: int = 0, log2: int = 12, psn: int = 900
    ) -> list[Action]:
        return self.receive(
            Packet(Opcode.INVALIDATE, coherence=about(version, flags, page=page, log2=log2, psn=psn))
        )


def about(version: int, flags: int = 0, *, page: int = 0, log2: int = 12, psn: int = 900) -> Coherence:
    va = BASE + page * PAGE
    return Coherence(va & -(1 << log2), va, flags, log2, version, 5, 77, psn)


@contextmanager
def bench(*, pages: int = 16, capacity: int = 16) -> Iterator[Bench]:
    made = Bench()
    made.core = Core(made.perform, capacity=capacity)
    assert made.core.map(BASE, pages * PAGE)
    yield made
    made.core.close()


def kinds(actions: list[Action]) -> list[str]:
    """Sent verbs, and what was done to pages."""
    return [Opcode(a.packet.opcode).name if a.packet else a.kind.name for a in actions]


@pytest.mark.parametrize(("write", "verb"), [(False, Opcode.GET_SHARED), (True, Opcode.GET_MODIFIED)])
def test_a_fault_asks_for_four_segments(write: bool, verb: Opcode) -> None:
    with bench() as b:
        requests = b.fault(3, write=write)
        first = requests[0].psn
        assert [(r.opcode, r.qp, r.psn - first, r.va, r.rkey, r.length) for r in requests] == [
            (verb, FILL_QP, k, BASE + 3 * PAGE + k * SEGMENT, 1, SEGMENT) for k in range(4)
        ]


@pytest.mark.parametrize(
    ("write", "permission", "writable"),
    [
        (False, PERM_SHARED, False),
        (False, PERM_MODIFIED, False),
        (True, PERM_MODIFIED, True),
        (True, PERM_SHARED, False),
    ],
)
def test_a_page_is_installed_when_all_segments_are_there(write: bool, permission: int, writable: bool) -> None:
    with bench() as b:
        requests = b.fault(write=write)
        for request in reversed(requests[1:]):
            assert b.answer(request, permission, 1) == []
        (install,) = b.answer(requests[0], permission, 1)
        assert (install.kind, install.va, install.writable) == (ActionKind.INSTALL, BASE, writable)
        assert install.data == b"".join(bytes([k + 1]) * SEGMENT for k in range(4))


def test_a_second_fault_of_the_same_page_asks_for_nothing() -> None:
    with bench() as b:
        b.fault()
        assert b.fault() == []
        assert b.fault(write=True) == []


GRANT = Packet(Opcode.GRANT, qp=FILL_QP, coherence=about(7, MODIFIED))


@pytest.mark.parametrize("early", [True, False], ids=["GRANT first", "GRANT last"])
def test_pending_answers_wait_for_the_grant_of_their_version(early: bool) -> None:
    with bench() as b:
        requests = b.fault(write=True)
        done = kinds(b.receive(GRANT)) if early else []
        for request in requests:
            done += kinds(b.answer(request, PERM_MODIFIED, 7, pending=True))
        done += [] if early else kinds(b.receive(GRANT))
        assert done == ["INSTALL"]


@pytest.mark.parametrize("grant", [about(6, MODIFIED), about(7, MODIFIED, page=1), about(7, MODIFIED, log2=40)])
def test_another_grant_does_not_count(grant: Coherence) -> None:
    with bench() as b:
        for request in b.fault(write=True):
            b.answer(request, PERM_MODIFIED, 7, pending=True)
        assert b.receive(GRANT.but(coherence=grant)) == []


def test_a_lost_grant_is_asked_for_with_the_first_segment() -> None:
    with bench() as b:
        requests = b.fault(write=True)
        for request in requests:
            b.answer(request, PERM_MODIFIED, 7, pending=True)
        assert b.later(TIMES.retransmit)[0].packet == requests[0]
        assert kinds(b.answer(requests[0], PERM_MODIFIED, 7)) == ["INSTALL"]


def test_a_grant_serves_every_page_of_its_region() -> None:
    with bench() as b:
        for page in (0, 1):
            for request in b.fault(page, write=True):
                b.answer(request, PERM_MODIFIED, 7, pending=True, log2=13)
        done = b.receive(GRANT.but(coherence=about(7, MODIFIED, log2=13)))
        assert [(a.kind, a.va) for a in done] == [(ActionKind.INSTALL, BASE), (ActionKind.INSTALL, BASE + PAGE)]


def test_missing_segments_are_sent_again_and_always_the_first() -> None:
    with bench() as b:
        requests = b.fault()
        b.answer(requests[0], PERM_SHARED, 1)
        b.answer(requests[2], PERM_SHARED, 1)
        again = [a.packet for a in b.later(TIMES.retransmit)]
        assert again == [requests[0], requests[1], requests[3]]
        assert b.core.stats.retransmissions == 3


def test_told_to_wait() -> None:
    with bench() as b:
        requests = b.fault()
        for request in requests:
            assert b.refuse(request, Syndrome.RNR_NAK) == []
        assert b.later(TIMES.busy // 2 - US) == []
        assert [a.packet for a in b.later(TIMES.busy)] == requests


@pytest.mark.parametrize(
    ("syndrome", "reason"),
    [
        (Syndrome.NAK_REMOTE_ACCESS, Failure.ACCESS),
        (Syndrome.NAK_INVALID_REQUEST, Failure.INVALID),
        (Syndrome.NAK_REMOTE_OPERATIONAL, Failure.REMOTE),
    ],
)
def test_refused(syndrome: int, reason: Failure) -> None:
    with bench() as b:
        requests = b.fault()
        (fail,) = b.refuse(requests[2], syndrome)
        assert (fail.kind, fail.va, fail.reason) == (ActionKind.FAIL, BASE, reason)
        assert b.later(30 * S) == []


def test_silence_is_reported_and_then_an_error() -> None:
    with bench() as b:
        requests = b.fault()
        done = b.later(TIMES.give_up + TIMES.retransmit_most)
        resets = [a.packet for a in done if a.packet is not None and a.packet.opcode == Opcode.RESET]
        assert len(resets) == TIMES.give_up // TIMES.reset - 1
        assert {packet.coherence.va for packet in resets if packet} == {requests[0].va}
        assert (done[-1].kind, done[-1].reason) == (ActionKind.FAIL, Failure.SILENCE)


def test_busy_for_ever_is_an_error_too() -> None:
    with bench() as b:
        requests = b.fault()
        reasons: list[int] = []
        while not reasons and b.now < 100 * S:
            b.refuse(requests[0], Syndrome.RNR_NAK)
            done = b.later(500 * MS)
            reasons = [action.reason for action in done if action.kind == ActionKind.FAIL]
        assert reasons == [Failure.BUSY]


def test_an_upgrade_is_a_request_without_data() -> None:
    with bench() as b:
        b.hold()
        (upgrade,) = b.fault(write=True)
        assert (upgrade.opcode, upgrade.va, upgrade.length) == (Opcode.GET_MODIFIED, BASE, 0)
        assert kinds(b.receive(GRANT)) == ["UNPROTECT"]


def test_a_modified_page_is_written_without_a_packet() -> None:
    with bench() as b:
        for request in b.fault():
            b.answer(request, PERM_MODIFIED, 1)
        b.core.fault(BASE, write=True, now=b.now)
        assert kinds(b.taken()) == ["UNPROTECT"]


def test_an_upgrade_that_stays_refused_becomes_a_fetch() -> None:
    with bench() as b:
        b.hold()
        (upgrade,) = b.fault(write=True)
        done: list[str] = []
        for _ in range(12):
            b.refuse(upgrade, Syndrome.RNR_NAK)
            done += kinds(b.later(2 * TIMES.busy_most))
        assert done.count("DROP") == 1
        assert done[-4:] == ["GET_MODIFIED"] * 4


@pytest.mark.parametrize(
    ("write", "flags", "expected"),
    [
        pytest.param(False, NO_PAGE, ["DROP", "INVALIDATE_ACK"], id="shared, nothing is asked for"),
        pytest.param(False, 0, ["PUSH_EMPTY"] * 4 + ["DROP", "INVALIDATE_ACK"], id="shared, memory has it too"),
        pytest.param(False, DOWNGRADE, ["PUSH_EMPTY"] * 4 + ["INVALIDATE_ACK"], id="shared, may be kept"),
        pytest.param(True, 0, ["PROTECT"] + ["PUSH"] * 4, id="modified, pushed"),
        pytest.param(True, DOWNGRADE, ["PROTECT"] + ["PUSH"] * 4, id="modified, pushed and kept"),
        pytest.param(True, NO_PAGE, ["PROTECT"] + ["RDMA_WRITE_ONLY"] * 4, id="modified, recalled"),
    ],
)
def test_invalidate(write: bool, flags: int, expected: list[str]) -> None:
    with bench() as b:
        b.hold(write=write)
        assert kinds(b.invalidate(2, flags)) == expected


@pytest.mark.parametrize(("flags", "end"), [(0, ["DROP", "INVALIDATE_ACK"]), (DOWNGRADE, ["INVALIDATE_ACK"])])
def test_the_acknowledgement_waits_for_the_memory_blade(flags: int, end: list[str]) -> None:
    with bench() as b:
        b.hold(write=True)
        pushes = [a.packet for a in b.invalidate(2, flags) if a.packet]
        assert {p.coherence for p in pushes} == {about(2, flags)}
        for push in pushes[:3]:
            assert b.refuse(push, Syndrome.ACK) == []
        assert [a.packet for a in b.later(TIMES.retransmit)] == pushes[3:]
        done = b.refuse(pushes[3], Syndrome.ACK)
        assert kinds(done) == end
        assert done[-1].packet == Packet(
            Opcode.INVALIDATE_ACK, qp=CONTROL_QP, coherence=about(2, KEPT if flags else 0)
        )


def test_other_dirty_pages_of_the_region_are_written_back() -> None:
    with bench() as b:
        b.hold(0, write=True, log2=13)
        b.hold(1, write=True, log2=13)
        sent = [a.packet for a in b.invalidate(2, page=1, log2=13) if a.packet]
        assert sorted((p.opcode, p.va // PAGE * PAGE - BASE) for p in sent) == sorted(
            [(Opcode.PUSH, PAGE)] * 4 + [(Opcode.RDMA_WRITE_ONLY, 0)] * 4
        )


def test_a_page_that_just_came_is_left_to_its_access() -> None:
    with bench() as b:
        for request in b.fault():
            b.answer(request, PERM_SHARED, 1)
        assert b.invalidate(2, NO_PAGE) == []
        assert b.later(TIMES.hold - US) == []
        assert kinds(b.later(US)) == ["DROP", "INVALIDATE_ACK"]


def test_an_invalidation_waits_for_a_fill_but_not_for_ever() -> None:
    with bench() as b:
        old = b.fault()
        b.answer(old[0], PERM_SHARED, 1)
        assert b.invalidate(2, NO_PAGE) == []
        assert kinds(b.later(TIMES.defer)) == ["INVALIDATE_ACK"]
        new = [a.packet for a in b.later(TIMES.busy)]
        assert [p.va for p in new if p] == [p.va for p in old]
        assert b.answer(old[1], PERM_SHARED, 1) == []
        done = [action for p in new if p for action in b.answer(p, PERM_SHARED, 2)]
        assert kinds(done) == ["INSTALL"]


def test_a_refused_fill_is_not_waited_for() -> None:
    with bench() as b:
        requests = b.fault()
        b.invalidate(2, NO_PAGE)
        for request in requests[:3]:
            assert b.refuse(request, Syndrome.RNR_NAK) == []
        assert kinds(b.refuse(requests[3], Syndrome.RNR_NAK)) == ["INVALIDATE_ACK"]


def test_a_repeated_invalidate_is_acknowledged_again() -> None:
    with bench() as b:
        b.hold()
        (first,) = (a.packet for a in b.invalidate(2, DOWNGRADE | NO_PAGE) if a.packet)
        assert first.coherence.flags == KEPT
        assert [a.packet for a in b.invalidate(2, DOWNGRADE | NO_PAGE)] == [first]


def test_a_stale_invalidate_is_ignored_until_it_insists() -> None:
    with bench() as b:
        b.hold(version=9)
        assert [b.invalidate(8, NO_PAGE) for _ in range(3)] == [[], [], []]
        assert b.core.stats.stale == 3
        assert kinds(b.invalidate(8, NO_PAGE)) == ["DROP", "INVALIDATE_ACK"]


def test_an_invalidate_that_turns_out_to_be_late_is_ignored() -> None:
    with bench() as b:
        requests = b.fault(write=True)
        assert b.invalidate(5) == []
        done = [action for request in requests for action in b.answer(request, PERM_MODIFIED, 7)]
        assert kinds(done + b.later(TIMES.defer)) == ["INSTALL"]
        assert b.core.stats.stale == 1


def test_a_push_of_one_transaction_is_not_given_to_the_next() -> None:
    with bench() as b:
        b.hold(write=True)
        pushes = [a.packet for a in b.invalidate(2) if a.packet]
        assert [b.invalidate(3, psn=950) for _ in range(2)] == [[], []]
        done = [action for push in pushes for action in b.refuse(push, Syndrome.NAK_INVALID_REQUEST)]
        assert [(a.packet.opcode, a.packet.coherence) for a in done if a.packet] == [
            (Opcode.PUSH, about(3, psn=950))
        ] * 4
        assert {a.packet.psn for a in done if a.packet}.isdisjoint(push.psn for push in pushes)


@pytest.mark.parametrize("version", [0, 1, 0x8000])
def test_versions_wrap(version: int) -> None:
    with bench() as b:
        b.hold(version=0xFFFF)
        assert kinds(b.invalidate(version, NO_PAGE)) == (["DROP", "INVALIDATE_ACK"] if version < 0x8000 else [])


def test_a_refused_push_keeps_the_page() -> None:
    with bench() as b:
        b.hold(write=True)
        pushes = [a.packet for a in b.invalidate(2) if a.packet]
        for push in pushes:
            assert b.refuse(push, Syndrome.NAK_INVALID_REQUEST) == []
        b.core.fault(BASE, write=True, now=b.now)
        assert kinds(b.taken()) == ["UNPROTECT"]


def test_a_recall_takes_over_a_push() -> None:
    with bench() as b:
        b.hold(write=True)
        pushes = [a.packet for a in b.invalidate(2) if a.packet]
        assert b.invalidate(3, NO_PAGE) == []
        done = [action for push in pushes for action in b.refuse(push, Syndrome.NAK_INVALID_REQUEST)]
        assert kinds(done) == ["RDMA_WRITE_ONLY"] * 4
        for action in done:
            assert action.packet
            end = b.refuse(action.packet, Syndrome.ACK)
        assert kinds(end) == ["DROP", "INVALIDATE_ACK"]
        assert end[-1].packet and end[-1].packet.coherence.version == 3


def test_what_the_directory_gave_away_is_lost_and_reported() -> None:
    with bench() as b:
        b.hold(write=True)
        b.core.drain(BASE, BASE + PAGE, give_up=False, now=b.now)
        writes = b.sent()
        for write in writes[:3]:
            b.refuse(write, Syndrome.NAK_INVALID_REQUEST)
        done = b.refuse(writes[3], Syndrome.NAK_INVALID_REQUEST)
        assert [(a.kind, a.reason) for a in done][-1] == (ActionKind.FAIL, Failure.LOST)


@pytest.mark.parametrize(
    "coherence",
    [
        about(2, log2=11),
        about(2, log2=22),
        about(2, log2=255),
        Coherence(BASE + 8, BASE, 0, 12, 2),
        Coherence(BASE, BASE + PAGE, 0, 12, 2),
        Coherence(BASE, BASE + 1, 0, 12, 2),
        Coherence(2**64 - PAGE, 2**64 - PAGE, 0, 12, 2),
    ],
)
def test_implausible_invalidations_are_counted(coherence: Coherence) -> None:
    with bench() as b:
        b.hold()
        assert b.receive(Packet(Opcode.INVALIDATE, coherence=coherence)) == []
        assert b.core.stats.malformed == 1


def test_an_invalidation_of_what_is_not_mapped_is_served() -> None:
    with bench() as b:
        assert kinds(b.invalidate(2, page=1000)) == ["PUSH_EMPTY"] * 4 + ["INVALIDATE_ACK"]


@pytest.mark.parametrize(
    "packet",
    [
        Packet(Opcode.RDMA_READ_RESPONSE_ONLY, qp=FILL_QP, psn=99, payload=bytes(SEGMENT)),
        Packet(Opcode.ACKNOWLEDGE, qp=WRITE_QP, psn=99),
        Packet(Opcode.EVICT, qp=CONTROL_QP, psn=99, coherence=Coherence(flags=CONFIRM)),
    ],
)
def test_answers_to_nothing_are_stale(packet: Packet) -> None:
    with bench() as b:
        assert b.receive(packet) == []
        assert b.core.stats.stale == 1


@pytest.mark.parametrize("opcode", [Opcode.GET_SHARED, Opcode.PUSH, Opcode.INVALIDATE_ACK, Opcode.RESET])
def test_verbs_that_no_blade_takes_are_counted(opcode: Opcode) -> None:
    with bench() as b:
        assert b.receive(Packet(opcode)) == []
        assert b.core.stats.unexpected == 1


@pytest.mark.parametrize(
    ("msn", "length"),
    [
        (msn_of(12, PERM_SHARED, pending=False, version=1), 1000),
        (msn_of(11, PERM_SHARED, pending=False, version=1), SEGMENT),
        (msn_of(22, PERM_SHARED, pending=False, version=1), SEGMENT),
        (msn_of(12, 0, pending=False, version=1), SEGMENT),
        (msn_of(12, 3, pending=False, version=1), SEGMENT),
    ],
)
def test_implausible_answers_are_counted(msn: int, length: int) -> None:
    with bench() as b:
        request = b.fault()[0]
        b.receive(
            Packet(Opcode.RDMA_READ_RESPONSE_ONLY, qp=FILL_QP, psn=request.psn, msn=msn, payload=bytes(length))
        )
        assert b.core.stats.malformed == 1
        assert b.later(TIMES.retransmit)[0].packet == request


def stream(b: Bench, pages: int) -> None:
    """Pages come one after the other until some have to go."""
    for page in range(pages):
        stream_one(b, page, log2=13)


def stream_one(b: Bench, page: int, log2: int = 12) -> None:
    for request in b.fault(page):
        b.answer(request, PERM_SHARED, 5, log2=log2)
    b.later(TIMES.hold)


def evicts(b: Bench) -> list[Packet]:
    return [a.packet for a in b.log if a.packet and a.packet.opcode == Opcode.EVICT]


def test_the_last_page_of_a_region_to_go_is_told() -> None:
    with bench(pages=32, capacity=16) as b:
        stream(b, 20)
        assert b.core.stats.evictions >= 4
        assert [(p.coherence.va, p.coherence.version, p.coherence.region_log2) for p in evicts(b)] == [
            (BASE + 2 * PAGE * k, 5, 13) for k in range(b.core.stats.evictions // 2)
        ]


def test_no_request_for_a_region_before_its_evict_is_confirmed() -> None:
    with bench(pages=32, capacity=16) as b:
        stream(b, 20)
        evict = evicts(b)[0]
        assert b.fault(0) == []
        assert evict in [a.packet for a in b.later(TIMES.retransmit)]
        for flags in (0, CONFIRM | STALE):
            done = b.receive(evict.but(coherence=about(6, flags, log2=13)))
        assert kinds(done)[:4] == ["GET_SHARED"] * 4


def test_pages_in_use_get_a_second_chance() -> None:
    """The first page is used whenever it was hidden; the others are not used again."""
    with bench(pages=128, capacity=16) as b:
        hidden = 0
        for page in range(128):
            b.log.clear()
            stream_one(b, page)
            assert (ActionKind.DROP, BASE) not in [(a.kind, a.va) for a in b.log]
            if (ActionKind.HIDE, BASE) in [(a.kind, a.va) for a in b.log]:
                hidden += 1
                b.core.local_fault(BASE, write=False, now=b.now)
                assert kinds(b.taken()) == ["REMAP"]
        assert hidden >= 4
        assert b.core.stats.fills == 128


def test_a_flush_writes_and_keeps() -> None:
    with bench() as b:
        b.hold(0, write=True)
        b.hold(1)
        b.core.drain(0, 2**64 - 1, give_up=False, now=b.now)
        writes = b.sent()
        assert [(w.opcode, w.qp, w.va) for w in writes] == [
            (Opcode.RDMA_WRITE_ONLY, WRITE_QP, BASE + k * SEGMENT) for k in range(4)
        ]
        assert not b.core.drained()
        for write in writes:
            assert b.refuse(write, Syndrome.ACK) == []
        assert b.core.drained()
        b.core.fault(BASE, write=True, now=b.now)
        assert kinds(b.taken()) == ["UNPROTECT"]


def test_unmapping_gives_everything_back() -> None:
    with bench() as b:
        b.hold(0, write=True)
        b.hold(1)
        b.core.drain(BASE, BASE + 16 * PAGE, give_up=True, now=b.now)
        done = b.taken()
        for write in [a.packet for a in done if a.packet and a.packet.opcode == Opcode.RDMA_WRITE_ONLY]:
            done += b.refuse(write, Syndrome.ACK)
        for evict in [a.packet for a in done if a.packet and a.packet.opcode == Opcode.EVICT]:
            assert not b.core.drained()
            done += b.receive(evict.but(coherence=about(6, CONFIRM)))
        assert b.core.drained()
        assert kinds(done).count("DROP") == 2
        assert b.core.unmap(BASE, 16 * PAGE)


@pytest.mark.parametrize(
    ("va", "length", "fits"),
    [
        (BASE + 16 * PAGE, PAGE, True),
        (BASE + 15 * PAGE, PAGE, False),
        (BASE - PAGE, 2 * PAGE, False),
        (BASE + 16 * PAGE + 1, PAGE, False),
        (BASE + 16 * PAGE, 0, False),
        (0, PAGE, False),
        (2**64 - PAGE, PAGE, False),
    ],
)
def test_ranges(va: int, length: int, fits: bool) -> None:
    with bench() as b:
        assert b.core.map(va, length) is fits
