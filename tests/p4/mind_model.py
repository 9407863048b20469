"""The directory as docs/coherence.md tells it, in Python: an oracle for the switch program. Pure.

`step` takes a region's entry and a verb of a compute blade, and gives the next entry and the packets that leave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mind_packets import (
    CONFIRM,
    DOWNGRADE,
    INVALID,
    KEPT,
    MODIFIED,
    MODIFIED_PERMISSION,
    NO_PAGE,
    RNR,
    SHARED_PERMISSION,
    STALE,
    Aeth,
    Coh,
    Op,
    Reth,
    Verb,
)

NOBODY = 0xFF
GETS = (Op.GET_SHARED, Op.GET_MODIFIED)


@dataclass(frozen=True)
class Region:
    """A region of 2^log2 bytes at `base`, `offset` bytes into the memory blade on `memory_port`."""

    base: int
    log2: int
    offset: int
    memory_port: int
    port_of: tuple[int, ...]


@dataclass(frozen=True)
class Directory:
    """An entry. `holders` are the sharers, or the owner."""

    state: str = "I"
    holders: frozenset[int] = frozenset()
    requester: int = 0
    page: int = 0
    version: int = 0

    def to(self, state: str, holders: set[int] | frozenset[int], *, bump: bool = False) -> Directory:
        version = (self.version + bump) % (1 << 16)
        return replace(self, state=state, holders=frozenset(holders), version=version)


@dataclass(frozen=True)
class Output:
    """A packet that leaves through a port."""

    port: int
    verb: Verb


@dataclass(frozen=True)
class Step:
    """What a verb does. `cpu`: a packet-in goes to the control plane."""

    entry: Directory
    outputs: tuple[Output, ...] = ()
    cpu: bool = False


@dataclass(frozen=True)
class Sent:
    """A verb, who sent it, and the helpers to make answers to it."""

    region: Region
    blade: int
    verb: Verb

    @property
    def va(self) -> int:
        return self.verb.reth.va if self.verb.reth else self.verb.coh.va if self.verb.coh else 0

    @property
    def page_va(self) -> int:
        return self.va & ~0xFFF

    @property
    def page(self) -> int:
        return (self.va - self.region.base) >> 12

    @property
    def segment(self) -> int:
        return (self.va >> 10) & 3

    @property
    def peer_psn(self) -> int:
        return (self.verb.psn - self.segment) % (1 << 24)

    def offset(self) -> int:
        return self.region.offset + self.va - self.region.base

    def back(self, verb: Verb) -> Output:
        return Output(self.region.port_of[self.blade], verb)

    def refusal(self, entry: Directory, syndrome: int) -> Step:
        verb = Verb(Op.ACKNOWLEDGE, self.verb.qp, self.verb.psn, aeth=Aeth(syndrome))
        return Step(entry, (self.back(verb),))

    def msn(self, entry: Directory, permission: int, pending: bool) -> int:
        return self.region.log2 << 19 | pending << 18 | permission << 16 | entry.version

    def to_memory(self, op: int, blade: int, qp: int, psn: int, rkey: int) -> Output:
        assert self.verb.reth is not None
        reth = Reth(self.offset(), rkey, self.verb.reth.length)
        verb = Verb(op, blade << 16 | qp & 0xFFFF, psn, reth=reth, payload=self.verb.payload)
        return Output(self.region.memory_port, verb)

    def forward(self, entry: Directory, permission: int, pending: bool = False) -> Output:
        rkey = self.msn(entry, permission, pending)
        verb = self.verb
        return self.to_memory(Op.READ, self.blade, verb.qp, verb.psn, rkey)

    def invalidations(self, entry: Directory, flags: int) -> tuple[Output, ...]:
        coh = self.coh(
            entry,
            flags=flags,
            page=self.page_va,
            peer_qp=self.verb.qp,
            peer_psn=self.peer_psn,
            requester=entry.requester,
        )
        return tuple(
            Output(self.region.port_of[blade], Verb(Op.INVALIDATE, 0, 0, coh=coh))
            for blade in sorted(entry.holders)
        )

    def coh(self, entry: Directory, **fields: int) -> Coh:
        return Coh(va=self.region.base, region_log2=self.region.log2, version=entry.version, **fields)

    def grant_back(self, entry: Directory) -> Output:
        coh = self.coh(
            entry,
            flags=MODIFIED,
            page=self.page_va,
            peer_qp=self.verb.qp,
            peer_psn=self.peer_psn,
            requester=entry.requester,
        )
        return self.back(Verb(Op.GRANT, self.verb.qp, self.verb.psn, coh=coh))

    def grant(self, entry: Directory, flags: int) -> Output:
        ack = self.verb.coh
        assert ack is not None
        coh = self.coh(
            entry,
            flags=flags,
            page=ack.page,
            peer_qp=ack.peer_qp,
            peer_psn=ack.peer_psn,
            requester=entry.requester,
        )
        verb = Verb(Op.GRANT, ack.peer_qp, ack.peer_psn, coh=coh)
        return Output(self.region.port_of[entry.requester], verb)

    def confirm(self, entry: Directory, flags: int) -> Output:
        evict = self.verb.coh
        assert evict is not None
        coh = replace(
            evict,
            va=self.region.base,
            region_log2=self.region.log2,
            version=entry.version,
            requester=entry.requester,
            flags=flags,
        )
        return self.back(Verb(Op.EVICT, self.verb.qp, self.verb.psn, coh=coh))


def step(region: Region, entry: Directory, blade: int, verb: Verb) -> Step:  # noqa: PLR0911
    """One verb of a compute blade meets the entry of a coherent region."""
    sent = Sent(region, blade, verb)
    match verb.op:
        case Op.GET_SHARED:
            return _get_shared(sent, entry)
        case Op.GET_MODIFIED if verb.reth and verb.reth.length == 0:
            return _upgrade(sent, entry)
        case Op.GET_MODIFIED:
            return _get_modified(sent, entry)
        case Op.INVALIDATE_ACK:
            return _invalidate_ack(sent, entry)
        case Op.PUSH | Op.PUSH_EMPTY:
            return _push(sent, entry)
        case Op.WRITE:
            return _write(sent, entry)
        case Op.EVICT:
            return _evict(sent, entry)
        case Op.RESET:
            return Step(entry, cpu=True)
        case _:
            return sent.refusal(entry, INVALID)


def _get_shared(sent: Sent, entry: Directory) -> Step:
    match entry.state:
        case "I" | "S":
            after = entry.to("S", entry.holders | {sent.blade})
            return Step(after, (sent.forward(after, SHARED_PERMISSION),))
        case "M" if sent.blade in entry.holders:
            return Step(entry, (sent.forward(entry, MODIFIED_PERMISSION),))
        case "M":
            return _ask_owner(sent, entry, "MS_D")
        case "SM_A" if sent.blade == entry.requester:
            return Step(entry, (sent.forward(entry, SHARED_PERMISSION),))
        case _:
            return _get_meanwhile(sent, entry)


def _get_modified(sent: Sent, entry: Directory) -> Step:  # noqa: PLR0911
    others = entry.holders - {sent.blade}
    match entry.state:
        case "I" | "S" if not others:
            after = entry.to("M", {sent.blade}, bump=True)
            return Step(after, (sent.forward(after, MODIFIED_PERMISSION),))
        case "S":
            after = replace(entry.to("SM_A", others, bump=True), requester=sent.blade, page=sent.page)
            return _invalidate_and_forward(sent, after)
        case "M" if sent.blade in entry.holders:
            return Step(entry, (sent.forward(entry, MODIFIED_PERMISSION),))
        case "M":
            return _ask_owner(sent, entry, "MM_D")
        case "SM_A" if sent.blade == entry.requester:
            if sent.page == entry.page and sent.segment == 0:
                return _invalidate_and_forward(sent, entry)
            return Step(entry, (sent.forward(entry, MODIFIED_PERMISSION, pending=True),))
        case _:
            return _get_meanwhile(sent, entry)


def _get_meanwhile(sent: Sent, entry: Directory) -> Step:
    mine = sent.blade == entry.requester and sent.page == entry.page
    if entry.state in ("MS_D", "MM_D") and mine:
        if sent.segment:
            return Step(entry)
        return Step(entry, sent.invalidations(entry, DOWNGRADE if entry.state == "MS_D" else 0))
    return sent.refusal(entry, RNR)


def _ask_owner(sent: Sent, entry: Directory, state: str) -> Step:
    after = replace(entry.to(state, entry.holders, bump=True), requester=sent.blade, page=sent.page)
    return Step(after, sent.invalidations(after, DOWNGRADE if state == "MS_D" else 0))


def _invalidate_and_forward(sent: Sent, entry: Directory) -> Step:
    data = sent.forward(entry, MODIFIED_PERMISSION, pending=True)
    return Step(entry, (*sent.invalidations(entry, NO_PAGE), data))


def _upgrade(sent: Sent, entry: Directory) -> Step:
    others = entry.holders - {sent.blade}
    match entry.state:
        case "S" if sent.blade in entry.holders and others:
            after = replace(entry.to("SM_A", others, bump=True), requester=sent.blade, page=sent.page)
            return Step(after, sent.invalidations(after, NO_PAGE))
        case "S" if sent.blade in entry.holders:
            after = entry.to("M", {sent.blade}, bump=True)
            return Step(after, (sent.grant_back(after),))
        case "M" if sent.blade in entry.holders:
            return Step(entry, (sent.grant_back(entry),))
        case "SM_A" if sent.blade == entry.requester:
            return Step(entry, sent.invalidations(entry, NO_PAGE))
        case _:
            return sent.refusal(entry, RNR)


def _invalidate_ack(sent: Sent, entry: Directory) -> Step:
    ack = sent.verb.coh
    assert ack is not None
    if ack.version != entry.version or sent.blade not in entry.holders:
        return Step(entry)
    others = entry.holders - {sent.blade}
    match entry.state:
        case "SM_A" | "SL_A" | "ML_A" if others:
            return Step(entry.to(entry.state, others))
        case "SL_A" | "ML_A":
            return Step(entry.to("L", set()), cpu=True)
        case "SM_A" | "MM_D":
            after = entry.to("M", {entry.requester})
            return Step(after, (sent.grant(after, MODIFIED),))
        case "MS_D":
            kept = {sent.blade} if ack.flags & KEPT else set()
            after = entry.to("S", {entry.requester} | kept)
            return Step(after, (sent.grant(after, 0),))
        case _:
            return Step(entry)


def _push(sent: Sent, entry: Directory) -> Step:
    verb = sent.verb
    coh = verb.coh
    assert coh is not None
    wanted = entry.state in ("MS_D", "MM_D") and sent.blade in entry.holders
    if not wanted or coh.version != entry.version or sent.page != entry.page:
        return sent.refusal(entry, INVALID) if verb.op == Op.PUSH else Step(entry)
    permission = SHARED_PERMISSION if entry.state == "MS_D" else MODIFIED_PERMISSION
    msn = sent.msn(entry, permission, True)
    psn = (coh.peer_psn + sent.segment) % (1 << 24)
    if verb.op == Op.PUSH_EMPTY:
        read = sent.to_memory(Op.READ, entry.requester, coh.peer_qp, psn, msn)
        return Step(entry, (read,))
    write = sent.to_memory(Op.WRITE, sent.blade, verb.qp, verb.psn, 0)
    answer = Verb(Op.READ_RESPONSE, coh.peer_qp & 0xFFFF, psn, aeth=Aeth(0, msn), payload=verb.payload)
    return Step(entry, (write, Output(sent.region.port_of[entry.requester], answer)))


def _write(sent: Sent, entry: Directory) -> Step:
    owner = entry.state in ("M", "MS_D", "MM_D") and sent.blade in entry.holders
    recalled = entry.state == "ML_A" and sent.blade in entry.holders and sent.blade != entry.requester
    if not owner and not recalled:
        return sent.refusal(entry, INVALID)
    verb = sent.verb
    return Step(entry, (sent.to_memory(Op.WRITE, sent.blade, verb.qp, verb.psn, 0),))


def _evict(sent: Sent, entry: Directory) -> Step:
    evict = sent.verb.coh
    assert evict is not None
    current = evict.version == entry.version and sent.blade in entry.holders and entry.state in ("S", "M")
    if not current:
        return Step(entry, (sent.confirm(entry, CONFIRM | STALE),))
    rest = entry.holders - {sent.blade}
    after = entry.to("S" if rest else "I", rest, bump=True)
    return Step(after, (sent.confirm(after, CONFIRM),))


def recall(region: Region, entry: Directory) -> Step:
    """The control plane takes every copy back."""
    sent = Sent(region, NOBODY, Verb(Op.INVALIDATE, coh=Coh(region.base)))
    match entry.state:
        case "L":
            return Step(entry, cpu=True)
        case "SL_A" | "ML_A":
            return Step(entry, sent.invalidations(entry, NO_PAGE))
        case "I":
            return Step(entry.to("L", set(), bump=True), cpu=True)
        case "S" | "M":
            state = entry.state + "L_A"
            after = replace(entry.to(state, entry.holders, bump=True), requester=NOBODY, page=0)
        case _:
            state = "SL_A" if entry.state == "SM_A" else "ML_A"
            after = entry.to(state, entry.holders | {entry.requester}, bump=True)
    return Step(after, sent.invalidations(after, NO_PAGE))
