"""Every row of the transition table, on a running switch."""

from __future__ import annotations

import mind_model as model
import pytest
from mind_bench import DOMAIN, Bench
from mind_model import Directory
from mind_packets import KEPT, Coh, Op, Reth, Verb

from rackplane.control.mind.channel import Cause

PAGE = 0x1000
SEGMENT = 0x400
VERSION = 0xFFFF
"""Rises to 0: versions are serial numbers."""
DATA = bytes(range(256)) * 4
PADDING = bytes(1024)


def holders(*blades: int) -> frozenset[int]:
    return frozenset(blades)


def get(op: Op, page: int = 1, segment: int = 0) -> tuple[Op, int, int]:
    return op, page, segment


I = Directory("I", version=VERSION)  # noqa: E741
S1 = Directory("S", holders(0), version=VERSION)
S2 = Directory("S", holders(0, 2), version=VERSION)
M = Directory("M", holders(1), version=VERSION)
SM_A = Directory("SM_A", holders(1, 2), requester=0, page=1, version=VERSION)
SM_A_LAST = Directory("SM_A", holders(1), requester=0, page=1, version=VERSION)
MS_D = Directory("MS_D", holders(1), requester=0, page=1, version=VERSION)
MM_D = Directory("MM_D", holders(1), requester=0, page=1, version=VERSION)
SL_A = Directory("SL_A", holders(0, 1), requester=0xFF, version=VERSION)
ML_A = Directory("ML_A", holders(0, 1), requester=0, version=VERSION)
ML_A_LAST = Directory("ML_A", holders(1), requester=0xFF, version=VERSION)
L = Directory("L", version=VERSION)
ENTRIES = {
    "I": I,
    "S1": S1,
    "S2": S2,
    "M": M,
    "SM_A": SM_A,
    "SM_A_LAST": SM_A_LAST,
    "MS_D": MS_D,
    "MM_D": MM_D,
    "SL_A": SL_A,
    "ML_A": ML_A,
    "ML_A_LAST": ML_A_LAST,
    "L": L,
}


def verbs(region: model.Region) -> dict[str, Verb]:
    """One of each kind of packet that a directory entry can meet."""
    made = {}
    for page, segment in ((1, 0), (1, 2), (2, 0)):
        where = f"page {page} segment {segment}"
        va = region.base + page * PAGE + segment * SEGMENT
        whole = Reth(va, DOMAIN, 1024)
        psn = 100 + segment
        for op in (Op.GET_SHARED, Op.GET_MODIFIED):
            made[f"{op.name} {where}"] = Verb(op, 5, psn, reth=whole, payload=PADDING)
        for op, payload in ((Op.PUSH, DATA), (Op.PUSH_EMPTY, PADDING)):
            for version in (VERSION, VERSION - 1):
                coh = Coh(region.base, version, page=va & ~0xFFF, peer_qp=9, peer_psn=0xFFFFFE)
                name = f"{op.name} {where} version {version - VERSION}"
                made[name] = Verb(op, 5, psn, reth=whole, coh=coh, payload=payload)
    made["UPGRADE"] = Verb(Op.GET_MODIFIED, 5, 100, reth=Reth(region.base + PAGE, DOMAIN, 0))
    made["WRITE"] = Verb(Op.WRITE, 5, 101, reth=Reth(region.base + PAGE, DOMAIN, 1024), payload=DATA)
    made["READ"] = Verb(Op.READ, 5, 102, reth=Reth(region.base + PAGE, DOMAIN, 64))
    for version in (VERSION, VERSION - 1):
        for flags in (0, KEPT):
            coh = Coh(region.base, version, region.base + PAGE, flags, peer_qp=9, peer_psn=40)
            made[f"INVALIDATE_ACK flags {flags} version {version - VERSION}"] = Verb(Op.INVALIDATE_ACK, coh=coh)
        made[f"EVICT version {version - VERSION}"] = Verb(Op.EVICT, 6, 50, coh=Coh(region.base, version))
    made["RESET"] = Verb(Op.RESET, 6, 51, coh=Coh(region.base, VERSION))
    return made


NAMES = sorted(verbs(model.Region(0, 14, 0, 5, (1, 2, 3, 4))))


@pytest.mark.parametrize("state", ENTRIES)
@pytest.mark.parametrize("name", NAMES)
def test_every_verb_in_every_state(bench: Bench, state: str, name: str) -> None:
    """From the owner or first sharer, the requester, another sharer, and a blade that has nothing."""
    verb = verbs(bench.region)[name]
    for blade in range(4):
        expected = model.step(bench.region, ENTRIES[state], blade, verb)
        bench.set_entry(ENTRIES[state])
        bench.notices.clear()
        outputs = bench.send(bench.region.port_of[blade], verb)
        assert outputs == sorted(expected.outputs, key=lambda output: output.port), f"from blade {blade}"
        assert bench.entry() == expected.entry, f"from blade {blade}"
        assert len(bench.notices) == expected.cpu, f"from blade {blade}"


@pytest.mark.parametrize("state", ENTRIES)
def test_recall_in_every_state(bench: Bench, state: str) -> None:
    expected = model.recall(bench.region, ENTRIES[state])
    bench.set_entry(ENTRIES[state])
    bench.notices.clear()
    assert bench.recall() == sorted(expected.outputs, key=lambda output: output.port)
    assert bench.entry() == expected.entry
    assert [(n.cause, n.slot) for n in bench.notices] == [(Cause.RECALLED, bench.slot)] * expected.cpu
