"""Frames that no blade sends: memory stays protected, the directory stays sane, and both targets agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mind_bench import DOMAIN, HOSTS, MEMORY_HOSTS, REGION_LOG2, Bench
from mind_model import Directory
from mind_packets import Atomic, Coh, Op, Reth, Verb, frame, parse
from mind_targets import running_bench, usable

PORTS = st.sampled_from(sorted(HOSTS))
ENTRIES = (
    Directory("I"),
    Directory("S", frozenset({0, 1}), version=3),
    Directory("M", frozenset({0}), version=3),
    Directory("SM_A", frozenset({1, 2}), requester=0, version=3),
    Directory("MM_D", frozenset({0}), requester=1, version=3),
)


@dataclass(frozen=True)
class Mangling:
    """Bytes to set, at offsets; then the frame's length, as a difference."""

    changes: tuple[tuple[int, int], ...]
    longer: int

    def apply(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for offset, value in self.changes:
            changed[offset % len(changed)] = value
        changed = changed[: max(14, len(changed) + self.longer)]
        return bytes(changed) + bytes(max(0, self.longer))


# Most changes hit the headers behind IPv4: a wrong IPv4 header is soon found.
offsets = st.one_of(st.integers(0, 100), st.integers(34, 90))
manglings = st.builds(
    Mangling,
    changes=st.lists(st.tuples(offsets, st.integers(0, 255)), max_size=4).map(tuple),
    longer=st.sampled_from((0, 0, 0, 0, -1, -4, -30, -60, 1, 40)),
)


def bases(bench: Bench) -> list[Verb]:
    base, direct = bench.region.base, bench.direct
    whole = Reth(base, DOMAIN, 1024)
    coh = Coh(base, 3, base, peer_qp=4, peer_psn=9)
    return [
        Verb(Op.READ, 3, 8, reth=Reth(direct, DOMAIN, 64)),
        Verb(Op.WRITE, 3, 8, reth=Reth(direct, DOMAIN, 64), payload=bytes(64)),
        Verb(Op.FETCH_ADD, 3, 8, atomic=Atomic(direct, DOMAIN, 1, 0)),
        Verb(Op.GET_SHARED, 3, 8, reth=whole),
        Verb(Op.GET_MODIFIED, 3, 8, reth=whole),
        Verb(Op.GET_MODIFIED, 3, 8, reth=Reth(base, DOMAIN, 0)),
        Verb(Op.INVALIDATE_ACK, coh=coh),
        Verb(Op.EVICT, 3, 8, coh=coh),
        Verb(Op.PUSH, 3, 8, reth=whole, coh=coh, payload=bytes(1024)),
        Verb(Op.PUSH_EMPTY, 3, 8, reth=whole, coh=coh),
        Verb(Op.WRITE, 3, 8, reth=whole, payload=bytes(1024)),
        Verb(Op.READ_RESPONSE, 1 << 16 | 3, 8, payload=bytes(68)),
    ]


def is_roce(data: bytes) -> bool:
    return data[12:14] == b"\x08\x00" and data[14] == 0x45 and data[23] == 17 and data[36:38] == b"\x12\xb7"


def allowed(bench: Bench, port: int, verb: Verb) -> bool:
    """Whether a request at a memory blade stays within what the domain was given."""
    where = verb.reth or verb.atomic
    assert where is not None
    length = verb.reth.length if verb.reth else 8
    ranges = {
        MEMORY_HOSTS[0].port: (bench.region.offset, 2 << REGION_LOG2),
        MEMORY_HOSTS[1].port: (bench.direct_offset, 1 << 16),
    }
    start, size = ranges[port]
    return start <= where.va and where.va + length <= start + size


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(port=PORTS, which=st.integers(0, 11), mangling=manglings, entry=st.sampled_from(ENTRIES))
def test_protection_holds(bench: Bench, port: int, which: int, mangling: Mangling, entry: Directory) -> None:
    bench.set_entry(entry)
    outputs = bench.raw(port, mangling.apply(frame(bases(bench)[which], HOSTS[port])))
    bench.entry()
    for memory in (5, 6):
        for data in outputs.get(memory, []):
            if is_roce(data):
                assert port <= 4
                assert allowed(bench, memory, parse(data, HOSTS[memory], icrc=False))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, Bench]]:
    """A switch of each target, with the same ranges."""
    targets = [usable("xdp"), usable("bmv2")]
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(running_bench(target, tmp_path_factory.mktemp(target.name))) for target in targets
        )
        yield first, second


@pytest.mark.root
@pytest.mark.bmv2
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(port=PORTS, which=st.integers(0, 11), mangling=manglings, entry=st.sampled_from(ENTRIES))
def test_targets_agree(
    both: tuple[Bench, Bench], port: int, which: int, mangling: Mangling, entry: Directory
) -> None:
    data = mangling.apply(frame(bases(both[0])[which], HOSTS[port]))
    seen = []
    for bench in both:
        bench.set_entry(entry)
        outputs = bench.raw(port, data)
        seen.append((outputs, bench.entry(), bench.reasons()))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] == seen[1][1]
    assert seen[0][2] == seen[1][2]
