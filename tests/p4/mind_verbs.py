"""What a blade can do to a region, and the packet by which it does it."""

from __future__ import annotations

from dataclasses import dataclass

import mind_model as model
from mind_bench import DOMAIN
from mind_packets import KEPT, Coh, Op, Reth, Verb


@dataclass(frozen=True)
class Action:
    """What a blade does; `late` uses the version of one transaction ago."""

    blade: int
    kind: str
    page: int = 0
    segment: int = 0
    late: bool = False
    kept: bool = False
    peer_psn: int = 0


def verb(region: model.Region, entry: model.Directory, action: Action, psn: int, padding: int = 1024) -> Verb:  # noqa: PLR0911
    """The packet of an action, for the entry that the region has; GETs bring `padding` bytes of room."""
    version = (entry.version - action.late) % (1 << 16)
    page = region.base + action.page * 4096
    va = page + action.segment * 1024
    coh = Coh(
        region.base,
        version,
        page,
        KEPT if action.kept else 0,
        region.log2,
        entry.requester,
        peer_qp=action.blade + 10,
        peer_psn=action.peer_psn,
    )
    segment = Reth(va, DOMAIN, 1024)
    match action.kind:
        case "UPGRADE":
            return Verb(Op.GET_MODIFIED, 3, psn, reth=Reth(page, DOMAIN, 0))
        case "READ":
            return Verb(Op.READ, 3, psn, reth=Reth(va, DOMAIN, 8))
        case "INVALIDATE_ACK" | "EVICT":
            return Verb(Op[action.kind], 3, psn, coh=coh)
        case "PUSH":
            return Verb(Op.PUSH, 3, psn, reth=segment, coh=coh, payload=bytes([psn & 0xFF]) * 1024)
        case "PUSH_EMPTY":
            return Verb(Op.PUSH_EMPTY, 3, psn, reth=segment, coh=coh, payload=bytes(padding))
        case "WRITE":
            return Verb(Op.WRITE, 3, psn, reth=segment, payload=bytes([psn & 0xFF]) * 1024)
        case _:
            return Verb(Op[action.kind], 3, psn, reth=segment, payload=bytes(padding))
