"""Regions that are split and joined on a live switch, and the false invalidations that decide it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from mind_bench import DOMAIN, Bench
from mind_model import Output
from mind_packets import Op, Reth, Verb

from rackplane.control.mind.api import Alloc, Free
from rackplane.control.mind.protection import Rights
from rackplane.control.mind.regions import MIN_REGION, Region
from rackplane.control.mind.splitting import Plan

REGION = 1 << 14
HALF = REGION // 2


def get(op: Op, va: int) -> Verb:
    return Verb(op, 5, 100, reth=Reth(va, DOMAIN, 1024), payload=bytes(1024))


def acknowledge(bench: Bench, outputs: list[Output], false_pages: int = 0) -> None:
    for output in outputs:
        if output.verb.op == Op.INVALIDATE and output.verb.coh:
            coh = replace(output.verb.coh, flags=0, false_pages=false_pages)
            bench.send(output.port, Verb(Op.INVALIDATE_ACK, coh=coh))


def resize(bench: Bench, plan: Plan | None = None) -> None:
    """Carry a plan out, or an epoch's own, while every holder gives up what it is asked for."""
    done = bench.loop.submit(bench.controller.resize(plan))
    deadline = time.monotonic() + 30
    while not done.done():
        assert time.monotonic() < deadline
        acknowledge(bench, bench.outputs(), false_pages=9)
    done.result()


def false_pages(bench: Bench, slot: int) -> int:
    (count,) = bench.loop.run(bench.controller.channel.read_false_pages([slot]))
    return count


@pytest.fixture
def va(bench: Bench) -> Iterator[int]:
    """A range of two regions."""
    result = bench.request(Alloc(2 * REGION, DOMAIN, Rights.READ_WRITE, True, REGION))
    assert isinstance(result, dict)
    yield int(result["va"])
    for region in bench.controller.regions.overlapping(int(result["va"]), int(result["va"]) + 2 * REGION):
        bench.send(1, get(Op.GET_SHARED, region.prefix.base))
    freed = bench.start(Free(int(result["va"]), True))
    while not freed.done():
        acknowledge(bench, bench.outputs())
    freed.result()


def whole(bench: Bench, va: int) -> Region:
    return bench.controller.regions.by_base[va]


def sizes(bench: Bench, va: int) -> list[int]:
    return [r.prefix.size for r in bench.controller.regions.overlapping(va, va + 2 * REGION)]


def test_the_acknowledgements_of_transactions_are_counted_once(bench: Bench, va: int) -> None:
    slot = whole(bench, va).slot
    before = false_pages(bench, slot)
    bench.send(3, get(Op.GET_MODIFIED, va))
    (invalidate,) = bench.send(1, get(Op.GET_MODIFIED, va + 4096))
    assert invalidate.verb.coh is not None
    ack = Verb(Op.INVALIDATE_ACK, coh=replace(invalidate.verb.coh, flags=0, false_pages=3))
    bench.send(3, ack)
    assert false_pages(bench, slot) - before == 3
    bench.send(3, ack)
    assert false_pages(bench, slot) - before == 3, "a late copy"
    for port in (2, 3):
        outputs = bench.send(port, get(Op.GET_SHARED, va))
        acknowledge(bench, outputs, false_pages=2)
    assert false_pages(bench, slot) - before == 5, "of a downgrade"
    outputs = bench.send(1, get(Op.GET_MODIFIED, va))
    acknowledge(bench, [o for o in outputs if o.port != 1], false_pages=1)
    assert false_pages(bench, slot) - before == 5 + len([o for o in outputs if o.verb.op == Op.INVALIDATE])


def test_a_recall_counts_nothing(bench: Bench, va: int) -> None:
    slot = whole(bench, va).slot
    before = false_pages(bench, slot)
    bench.send(3, get(Op.GET_MODIFIED, va))
    resize(bench, Plan(0, split=(whole(bench, va),)))
    assert false_pages(bench, slot) == before


def test_halves_are_regions_of_their_own(bench: Bench, va: int) -> None:
    bench.send(3, get(Op.GET_MODIFIED, va))
    version = bench.loop.run(bench.controller.channel.read(whole(bench, va).slot)).version
    resize(bench, Plan(0, split=(whole(bench, va),)))
    assert sizes(bench, va) == [HALF, HALF, REGION]
    for port, base in ((1, va), (2, va + HALF)):
        (read,) = bench.send(port, get(Op.GET_MODIFIED, base))
        assert read.verb.op == Op.READ, "nobody else is asked"
        entry = bench.loop.run(bench.controller.channel.read(whole(bench, base).slot))
        assert list(entry.holders()) == [port - 1]
        assert (entry.version - version) % (1 << 16) in range(2, 4), "versions go on"


def test_joined_halves_are_one_region(bench: Bench, va: int) -> None:
    free = len(bench.controller.regions.free)
    resize(bench, Plan(0, split=(whole(bench, va),)))
    for port, base in ((1, va), (2, va + HALF)):
        bench.send(port, get(Op.GET_MODIFIED, base))
    resize(bench, Plan(0, join=((whole(bench, va), whole(bench, va + HALF)),)))
    assert sizes(bench, va) == [REGION, REGION]
    assert len(bench.controller.regions.free) == free
    bench.send(1, get(Op.GET_MODIFIED, va))
    (invalidate,) = bench.send(2, get(Op.GET_MODIFIED, va + HALF))
    assert (invalidate.port, invalidate.verb.op) == (1, Op.INVALIDATE)
    acknowledge(bench, [invalidate])


def test_a_region_that_two_blades_fight_over_is_split_down_to_a_page(bench: Bench, va: int) -> None:
    resize(bench)
    for _ in range(5):
        for region in bench.controller.regions.overlapping(va, va + REGION):
            for port in (1, 2, 3):
                acknowledge(bench, bench.send(port, get(Op.GET_MODIFIED, region.prefix.base)), false_pages=5)
        resize(bench)
    assert sizes(bench, va) == [MIN_REGION] * 4 + [REGION]
    totals = bench.controller.planner.totals
    assert totals.splits >= 3
    assert totals.false_invalidations >= 20
