"""Switch and memory blade of docs/coherence.md as plain objects: packets in, packets out, no clock and no wires."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from rack_packets import (
    CONFIRM,
    DOWNGRADE,
    KEPT,
    MODIFIED,
    NO_PAGE,
    PAGE,
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

MEMORY = "memory"
NOBODY = 255
Delivery = tuple[int | str, Packet]
"""Where a packet goes: a compute blade's id, or MEMORY."""


class MemoryModel:
    """A memory blade: WRITE and atomics at most once, by the last 256 PSNs of each queue pair."""

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}
        self.done: dict[int, OrderedDict[int, Packet]] = {}

    def page(self, va: int) -> bytearray:
        return self.pages.setdefault(va // PAGE, bytearray(PAGE))

    def read(self, va: int, length: int) -> bytes:
        return bytes(self.page(va)[va % PAGE : va % PAGE + length])

    def handle(self, packet: Packet) -> Packet | None:
        answer = Packet(Opcode.ACKNOWLEDGE, qp=packet.qp, psn=packet.psn)
        if packet.opcode == Opcode.RDMA_READ_REQUEST:
            data = self.read(packet.va, packet.length)
            return answer.but(opcode=Opcode.RDMA_READ_RESPONSE_ONLY, msn=packet.rkey & 0xFFFFFF, payload=data)
        history = self.done.setdefault(packet.qp, OrderedDict())
        if packet.psn in history:
            return history[packet.psn]
        if history and (next(reversed(history)) - packet.psn) % 2**24 in range(256, 2**20):
            return None
        answer = self._execute(packet, answer)
        history[packet.psn] = answer
        while len(history) > 256:
            history.popitem(last=False)
        return answer

    def _execute(self, packet: Packet, answer: Packet) -> Packet:
        page, at = self.page(packet.va), packet.va % PAGE
        if packet.opcode == Opcode.RDMA_WRITE_ONLY:
            page[at : at + packet.length] = packet.payload
            return answer
        original = int.from_bytes(page[at : at + 8], "little")
        if packet.opcode == Opcode.FETCH_ADD:
            page[at : at + 8] = ((original + packet.swap_or_add) % 2**64).to_bytes(8, "little")
        elif original == packet.compare:
            page[at : at + 8] = packet.swap_or_add.to_bytes(8, "little")
        return answer.but(opcode=Opcode.ATOMIC_ACKNOWLEDGE, original=original)


@dataclass
class Region:
    """A directory entry."""

    va: int
    log2: int
    state: str = "I"
    sharers: set[int] = field(default_factory=set)
    requester: int = 0
    page: int = 0
    version: int = 0

    def bump(self) -> None:
        self.version = (self.version + 1) % 2**16

    def begin(self, state: str, requester: int, page: int) -> None:
        self.state, self.requester, self.page = state, requester, page
        self.bump()


@dataclass
class SwitchModel:
    """The directory. `regions` tile what is coherent; `direct` ranges are plain memory; all else has no address."""

    regions: list[Region]
    direct: list[range] = field(default_factory=list)
    refused_domains: frozenset[int] = frozenset()
    dropped: int = 0
    transitions: dict[str, int] = field(default_factory=dict)

    def region(self, va: int) -> Region | None:
        for region in self.regions:
            if region.va <= va < region.va + (1 << region.log2):
                return region
        return None

    def from_memory(self, packet: Packet) -> list[Delivery]:
        return [(packet.qp >> 16, packet.but(qp=packet.qp & 0xFFFF))]

    def from_blade(self, r: int, packet: Packet) -> list[Delivery]:
        region = self.region(packet.coherence.va if packet.opcode not in _BY_RETH else packet.va)
        if packet.opcode in _BY_RETH and packet.rkey in self.refused_domains:
            return refuse(r, packet, Syndrome.NAK_REMOTE_ACCESS)
        if region is None:
            return self._outside(r, packet)
        handler = _HANDLERS.get(packet.opcode)
        if handler is None:
            return refuse(r, packet, Syndrome.NAK_INVALID_REQUEST)
        before = region.state
        out = list(handler(self, region, r, packet))
        name = f"{Opcode(packet.opcode).name} {before}->{region.state}"
        self.transitions[name] = self.transitions.get(name, 0) + 1
        return out

    def _outside(self, r: int, packet: Packet) -> list[Delivery]:
        if packet.opcode in {Opcode.INVALIDATE_ACK, Opcode.PUSH_EMPTY, Opcode.EVICT}:
            self.dropped += 1
            return []
        if not any(packet.va in direct for direct in self.direct):
            return refuse(r, packet, Syndrome.NAK_REMOTE_ACCESS)
        if packet.opcode not in _DIRECT:
            return refuse(r, packet, Syndrome.NAK_INVALID_REQUEST)
        return [(MEMORY, packet.but(qp=r << 16 | packet.qp, rkey=0))]

    # Each of these is a group of rows of the transition table.

    def get(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        shared = packet.opcode == Opcode.GET_SHARED
        page = packet.va & -PAGE
        if not shared and packet.length == 0:
            yield from self.upgrade(region, r, packet)
        elif region.state == "I" or (region.state == "S" and shared):
            region.state = "S" if shared else "M"
            region.sharers.add(r)
            if not shared:
                region.bump()
            yield forward(region, r, packet, PERM_SHARED if shared else PERM_MODIFIED)
        elif region.state == "S" and not region.sharers - {r}:
            region.state, region.sharers = "M", {r}
            region.bump()
            yield forward(region, r, packet, PERM_MODIFIED)
        elif region.state == "S":
            region.sharers.discard(r)
            region.begin("SM_A", r, page)
            yield from invalidate(region, packet, NO_PAGE)
            yield forward(region, r, packet, PERM_MODIFIED, pending=True)
        elif region.state == "M" and r in region.sharers:
            yield forward(region, r, packet, PERM_MODIFIED)
        elif region.state == "M":
            region.begin("MS_D" if shared else "MM_D", r, page)
            yield from invalidate(region, packet, DOWNGRADE if shared else 0)
        else:
            yield from self.get_in_transaction(region, r, packet)

    def get_in_transaction(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        shared = packet.opcode == Opcode.GET_SHARED
        same_page, first = packet.va & -PAGE == region.page, packet.va % PAGE == 0
        if region.state == "SM_A" and region.requester == r:
            if not shared and same_page and first:
                yield from invalidate(region, packet, NO_PAGE)
            permission = PERM_SHARED if shared else PERM_MODIFIED
            yield forward(region, r, packet, permission, pending=not shared)
        elif region.state in {"MS_D", "MM_D"} and region.requester == r and same_page:
            if first:
                yield from invalidate(region, packet, DOWNGRADE if region.state == "MS_D" else 0)
            else:
                self.dropped += 1
        else:
            yield from refuse(r, packet, Syndrome.RNR_NAK)

    def upgrade(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        if region.state == "S" and region.sharers == {r}:
            region.state = "M"
            region.bump()
            yield r, granted(region, packet)
        elif region.state == "S" and r in region.sharers:
            region.sharers.discard(r)
            region.begin("SM_A", r, packet.va & -PAGE)
            yield from invalidate(region, packet, NO_PAGE)
        elif region.state == "M" and r in region.sharers:
            yield r, granted(region, packet)
        elif region.state == "SM_A" and region.requester == r:
            yield from invalidate(region, packet, NO_PAGE)
        else:
            yield from refuse(r, packet, Syndrome.RNR_NAK)

    def acknowledge(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        coherence = packet.coherence
        transient = region.state in {"SM_A", "MS_D", "MM_D", "SL_A", "ML_A"}
        if not transient or coherence.version != region.version or r not in region.sharers:
            self.dropped += 1
            return
        if region.state in {"SL_A", "ML_A"}:
            region.sharers.discard(r)
            region.state = region.state if region.sharers else "I"
            return
        if region.state == "SM_A" and region.sharers != {r}:
            region.sharers.discard(r)
            return
        region.sharers = {region.requester}
        if region.state == "MS_D" and coherence.flags & KEPT:
            region.sharers.add(r)
        region.state = "S" if region.state == "MS_D" else "M"
        flags = MODIFIED if region.state == "M" else 0
        grant = Coherence(
            region.va, coherence.page, flags, region.log2, region.version, region.requester,
            coherence.peer_qp, coherence.peer_psn,
        )  # fmt: skip
        yield region.requester, Packet(Opcode.GRANT, qp=coherence.peer_qp, psn=coherence.peer_psn, coherence=grant)

    def push(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        coherence = packet.coherence
        current = (
            region.state in {"MS_D", "MM_D"}
            and coherence.version == region.version
            and r in region.sharers
            and packet.va & -PAGE == region.page
        )
        if not current and packet.opcode == Opcode.PUSH:
            yield from refuse(r, packet, Syndrome.NAK_INVALID_REQUEST)
        if not current:
            self.dropped += 1
            return
        permission = PERM_SHARED if region.state == "MS_D" else PERM_MODIFIED
        msn = msn_of(region.log2, permission, pending=True, version=region.version)
        psn = (coherence.peer_psn + packet.va % PAGE // SEGMENT) % 2**24
        if packet.opcode == Opcode.PUSH_EMPTY:
            qp = region.requester << 16 | coherence.peer_qp
            yield MEMORY, Packet(Opcode.RDMA_READ_REQUEST, qp=qp, psn=psn, va=packet.va, rkey=msn, length=SEGMENT)
            return
        write = Packet(
            Opcode.RDMA_WRITE_ONLY, r << 16 | packet.qp, packet.psn, packet.va, 0, packet.length,
            payload=packet.payload,
        )  # fmt: skip
        yield MEMORY, write
        yield (
            region.requester,
            Packet(Opcode.RDMA_READ_RESPONSE_ONLY, qp=coherence.peer_qp, psn=psn, msn=msn, payload=packet.payload),
        )

    def write(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        recalled = region.state == "ML_A" and r != region.requester
        if (region.state in {"M", "MS_D", "MM_D"} or recalled) and r in region.sharers:
            yield MEMORY, packet.but(qp=r << 16 | packet.qp, rkey=0)
        else:
            yield from refuse(r, packet, Syndrome.NAK_INVALID_REQUEST)

    def recall(self, region: Region) -> list[Delivery]:
        """The control plane takes the region from everybody, as it does on RESET; it repeats this until all have
        acknowledged, and then opens the region again."""
        if region.state in {"SL_A", "ML_A"}:
            return invalidate(region, Packet(Opcode.RESET, va=region.va), NO_PAGE)
        if region.state in {"SM_A", "MS_D", "MM_D"}:
            region.sharers.add(region.requester)
        owned = region.state in {"M", "MS_D", "MM_D"}
        if region.state not in {"MS_D", "MM_D"}:
            region.requester = NOBODY
        region.state = "ML_A" if owned else "SL_A" if region.sharers else "I"
        region.bump()
        return invalidate(region, Packet(Opcode.RESET, va=region.va), NO_PAGE)

    def reset(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        yield from self.recall(region)

    def evict(self, region: Region, r: int, packet: Packet) -> Iterator[Delivery]:
        current = packet.coherence.version == region.version and r in region.sharers
        flags = CONFIRM
        if current and region.state in {"S", "M"}:
            region.sharers.discard(r)
            region.state = "S" if region.sharers else "I"
            region.bump()
        else:
            flags |= STALE
        answer = Coherence(region.va, 0, flags, region.log2, region.version)
        yield r, packet.but(coherence=answer, payload=b"")


_BY_RETH = {
    Opcode.GET_SHARED,
    Opcode.GET_MODIFIED,
    Opcode.PUSH,
    Opcode.PUSH_EMPTY,
    Opcode.RDMA_READ_REQUEST,
    Opcode.RDMA_WRITE_ONLY,
    Opcode.COMPARE_SWAP,
    Opcode.FETCH_ADD,
}
_DIRECT = {Opcode.RDMA_READ_REQUEST, Opcode.RDMA_WRITE_ONLY, Opcode.COMPARE_SWAP, Opcode.FETCH_ADD}
_HANDLERS = {
    Opcode.GET_SHARED: SwitchModel.get,
    Opcode.GET_MODIFIED: SwitchModel.get,
    Opcode.INVALIDATE_ACK: SwitchModel.acknowledge,
    Opcode.PUSH: SwitchModel.push,
    Opcode.PUSH_EMPTY: SwitchModel.push,
    Opcode.RDMA_WRITE_ONLY: SwitchModel.write,
    Opcode.EVICT: SwitchModel.evict,
    Opcode.RESET: SwitchModel.reset,
}


def refuse(r: int, packet: Packet, syndrome: int) -> list[Delivery]:
    return [(r, Packet(Opcode.ACKNOWLEDGE, qp=packet.qp, psn=packet.psn, syndrome=syndrome))]


def forward(region: Region, r: int, packet: Packet, permission: int, *, pending: bool = False) -> Delivery:
    msn = msn_of(region.log2, permission, pending=pending, version=region.version)
    read = Packet(Opcode.RDMA_READ_REQUEST, r << 16 | packet.qp, packet.psn, packet.va, msn, packet.length)
    return MEMORY, read


def _about(region: Region, packet: Packet, flags: int) -> Coherence:
    psn = (packet.psn - packet.va % PAGE // SEGMENT) % 2**24
    page = packet.va & -PAGE
    return Coherence(region.va, page, flags, region.log2, region.version, region.requester, packet.qp, psn)


def granted(region: Region, packet: Packet) -> Packet:
    return Packet(Opcode.GRANT, qp=packet.qp, psn=packet.psn, coherence=_about(region, packet, MODIFIED))


def invalidate(region: Region, packet: Packet, flags: int) -> list[Delivery]:
    message = Packet(Opcode.INVALIDATE, coherence=_about(region, packet, flags))
    return [(sharer, message) for sharer in sorted(region.sharers)]
