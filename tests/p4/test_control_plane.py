"""The controller on a live switch: the tests play the blades."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from dataclasses import replace

import pytest
from mind_bench import DOMAIN, Bench
from mind_model import Output
from mind_packets import ACCESS, NO_PAGE, Aeth, Coh, Op, Reth, Verb

from rackplane.control.mind.api import Alloc, Free, ListRegions, NewDomain, Protect, Stats
from rackplane.control.mind.controller import ControlError, Controller
from rackplane.control.mind.directory import State
from rackplane.control.mind.entries import region_entries
from rackplane.control.mind.prefixes import Prefix
from rackplane.control.mind.protection import Rights
from rackplane.control.mind.regions import Region
from rackplane.control.p4runtime import Update, WriteError, write

PADDING = bytes(1024)
REGION = 1 << 14
ALL = frozenset(range(4))


def get(op: Op, va: int, domain: int = DOMAIN) -> Verb:
    return Verb(op, 5, 100, reth=Reth(va, domain, 1024), payload=PADDING)


def alloc(bench: Bench, size: int = 2 * REGION, domain: int = DOMAIN) -> int:
    result = bench.request(Alloc(size, domain, Rights.READ_WRITE, True, REGION))
    assert isinstance(result, dict)
    return int(result["va"])


def listed(bench: Bench, va: int, count: int = 1) -> list[tuple[str, list[str]]]:
    regions = bench.request(ListRegions(va, count))
    assert isinstance(regions, list)
    return [(region["state"], region["sharers"]) for region in regions]


def acknowledge(bench: Bench, outputs: list[Output], alive: Collection[int]) -> list[Coh]:
    """Blades that live answer the INVALIDATEs among outputs."""
    seen = []
    for output in outputs:
        coh = output.verb.coh
        if output.verb.op == Op.INVALIDATE and coh and output.port - 1 in alive:
            seen.append(coh)
            bench.send(output.port, Verb(Op.INVALIDATE_ACK, coh=replace(coh, flags=0)))
    return seen


def play(bench: Bench, request: Future[object], alive: Collection[int] = ALL) -> list[Coh]:
    """Let the living blades answer until the request is done; what they were asked."""
    seen: list[Coh] = []
    deadline = time.monotonic() + 20
    while not request.done():
        assert time.monotonic() < deadline
        seen += acknowledge(bench, bench.outputs(), alive)
    return seen


@contextlib.contextmanager
def patience(bench: Bench, seconds: float) -> Iterator[None]:
    before, bench.controller.recaller.patience = bench.controller.recaller.patience, seconds
    try:
        yield
    finally:
        bench.controller.recaller.patience = before


@pytest.fixture(autouse=True)
def in_order(bench: Bench) -> Iterator[None]:
    """Here packet-ins go where they belong, and what a test has allocated is freed."""
    controller, ours = bench.controller, bench.controller.notice
    before = set(controller.allocations)
    controller.notice = lambda notice: Controller.notice(controller, notice)  # type: ignore[method-assign]
    yield
    for va in set(controller.allocations) - before:
        freed = bench.start(Free(va, False))
        play(bench, freed)
        freed.result()
    controller.notice = ours  # type: ignore[method-assign]


def test_free_takes_every_copy_back(bench: Bench) -> None:
    va = alloc(bench)
    for port in (1, 2):
        bench.send(port, get(Op.GET_SHARED, va))
    bench.send(3, get(Op.GET_MODIFIED, va + REGION))
    assert listed(bench, va, 2) == [("S", ["c1", "c2"]), ("M", ["c3"])]
    request = bench.start(Free(va, False))
    asked = play(bench, request)
    assert request.result() == {"va": va, "size": 2 * REGION}
    assert {coh.va for coh in asked} == {va, va + REGION}
    assert all(coh.flags == NO_PAGE for coh in asked)
    assert bench.send(1, get(Op.GET_SHARED, va)) == [Output(1, Verb(Op.ACKNOWLEDGE, 5, 100, aeth=Aeth(ACCESS)))]


def test_versions_go_on_in_a_slot_that_is_used_again(bench: Bench) -> None:
    va = alloc(bench, REGION)
    bench.send(3, get(Op.GET_MODIFIED, va))
    slot = bench.controller.regions.by_base[va].slot
    request = bench.start(Free(va, False))
    play(bench, request)
    request.result()
    entry = bench.loop.run(bench.controller.channel.read(slot))
    assert (entry.state, entry.version) == (State.I, 2)


def test_the_owner_writes_back_while_its_region_is_recalled(bench: Bench) -> None:
    va = alloc(bench, REGION)
    bench.send(3, get(Op.GET_MODIFIED, va))
    request = bench.start(Free(va, False))
    while not (asked := bench.outputs()):
        assert not request.done()
    data = bytes(range(256)) * 4
    (written,) = bench.send(3, Verb(Op.WRITE, 5, 7, reth=Reth(va, DOMAIN, 1024), payload=data))
    assert (written.verb.op, written.verb.payload) == (Op.WRITE, data)
    acknowledge(bench, asked, ALL)
    play(bench, request)
    request.result()


def test_a_holder_that_does_not_answer_keeps_a_range_from_being_freed(bench: Bench) -> None:
    va = alloc(bench, REGION)
    bench.send(4, get(Op.GET_MODIFIED, va))
    with patience(bench, 0.2):
        request = bench.start(Free(va, False))
        play(bench, request, alive=())
        with pytest.raises(ControlError, match=r"1 regions are still held .*c4"):
            request.result()
        assert va in bench.controller.allocations
        assert bench.send(1, get(Op.GET_SHARED, va))[0].verb.aeth == Aeth(ACCESS)
        abandoned = bench.controller.abandoned
        forced = bench.start(Free(va, True))
        play(bench, forced, alive=())
        assert forced.result() == {"va": va, "size": REGION}
    assert bench.controller.abandoned == abandoned + 1


def test_a_right_that_is_lowered_recalls_the_regions(bench: Bench) -> None:
    domain = bench.request(NewDomain())
    assert isinstance(domain, int)
    va = alloc(bench, 2 * REGION, domain)
    bench.send(1, get(Op.GET_MODIFIED, va, domain))
    bench.send(2, get(Op.GET_MODIFIED, va + REGION, domain))
    request = bench.start(Protect(va, REGION, domain, Rights.READ))
    asked = play(bench, request)
    assert request.result() == {"inserted": 2, "deleted": 1, "recalled": 1}
    assert {coh.va for coh in asked} == {va}
    assert listed(bench, va, 2) == [("I", []), ("M", ["c2"])]
    assert bench.send(1, get(Op.GET_MODIFIED, va, domain))[0].verb.aeth == Aeth(ACCESS)
    assert bench.send(1, get(Op.GET_SHARED, va, domain))[0].verb.op == Op.READ


def test_a_right_that_is_added_recalls_nothing(bench: Bench) -> None:
    va = alloc(bench, REGION)
    domain = bench.request(NewDomain())
    assert isinstance(domain, int)
    bench.send(1, get(Op.GET_MODIFIED, va))
    done = bench.request(Protect(va, REGION, domain, Rights.READ))
    assert done == {"inserted": 1, "deleted": 0, "recalled": 0}
    assert listed(bench, va) == [("M", ["c1"])]


RESETS = (
    ("GET_MODIFIED", "MM_D", {0}, 1),
    ("GET_SHARED", "MS_D", {0}, 1),
    ("GET_MODIFIED", "MM_D", {0, 3}, 0),
)


@pytest.mark.parametrize(("verb", "state", "alive", "lost"), RESETS)
def test_reset(bench: Bench, verb: str, state: str, alive: set[int], lost: int) -> None:
    """c4 owns the region; c1 asks for it, gives up, and sends RESET."""
    va = alloc(bench, REGION)
    bench.send(4, get(Op.GET_MODIFIED, va))
    bench.send(1, get(Op[verb], va))
    assert listed(bench, va) == [(state, ["c4"])]
    abandoned = bench.controller.abandoned
    with patience(bench, 0.3):
        bench.send(1, Verb(Op.RESET, coh=Coh(va)))
        deadline = time.monotonic() + 10
        while listed_now(bench, va) != "I":
            assert time.monotonic() < deadline
            acknowledge(bench, bench.outputs(), alive)
    assert bench.controller.abandoned == abandoned + lost
    assert bench.send(1, get(Op[verb], va))[0].verb.op == Op.READ


def listed_now(bench: Bench, va: int) -> str:
    """The state of a region, without waiting for the controller."""
    slot = bench.controller.regions.by_base[va].slot
    return bench.loop.run(bench.controller.channel.read(slot)).state.name


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Free(1 << 40 | 0x123, False), "no range starts at 0x10000000123"),
        (Protect(9 << 40, 4096, 1, Rights.READ), "is in no range"),
        (Alloc(1 << 30, 1, Rights.READ, False, 0), "no memory blade has one free"),
        (Alloc(1 << 20, 1, Rights.READ, True, 5000), "a region is a power of two"),
    ],
    ids=str,
)
def test_refused(bench: Bench, request_: Free | Protect | Alloc, text: str) -> None:
    used = bench.controller.allocator.usage()
    with pytest.raises(Exception, match=text):
        bench.request(request_)
    assert bench.controller.allocator.usage() == used


@pytest.mark.parametrize(("offset", "length", "text"), [(1, 4096, "whole pages"), (0, 1 << 20, "over the end")])
def test_bad_protect(bench: Bench, offset: int, length: int, text: str) -> None:
    with pytest.raises(ControlError, match=text):
        bench.request(Protect(bench.direct + offset, length, DOMAIN, Rights.READ))


def test_an_allocation_that_the_switch_refuses_leaves_nothing(bench: Bench) -> None:
    """An entry that the books do not have is in the way."""
    controller = bench.controller
    probe = alloc(bench, 4 * REGION)
    request = bench.start(Free(probe, False))
    play(bench, request)
    request.result()
    in_the_way = region_entries([Region(Prefix(probe + 2 * REGION, REGION), 31_000)])
    bench.loop.run(write(controller.switch, Update.INSERT, in_the_way))
    used, slots = controller.allocator.usage(), len(controller.regions.free)
    try:
        with pytest.raises(WriteError, match=r"MindIngress.region.regions\[va 0x.*ALREADY_EXISTS"):
            alloc(bench, 4 * REGION)
        assert (controller.allocator.usage(), len(controller.regions.free)) == (used, slots)
        answer = bench.send(1, get(Op.GET_SHARED, probe))
        assert answer[0].verb.aeth is not None
    finally:
        bench.loop.run(controller.switch.delete([e.encode() for e in in_the_way], strict=False))
    assert alloc(bench, 4 * REGION) == probe


def test_stats(bench: Bench) -> None:
    va = alloc(bench, REGION)
    bench.send(1, get(Op.GET_SHARED, va))
    bench.send(1, get(Op.GET_SHARED, 99 << 40))
    stats = bench.request(Stats())
    assert isinstance(stats, dict)
    assert stats["reasons"]["NO_ADDRESS"] > 0
    assert stats["transitions"]["GET_SHARED in I"] > 0
    assert stats["directory"]["used"] == len(bench.controller.regions.by_base)
    assert sum(stats["directory"]["states"].values()) == stats["directory"]["used"]
    assert stats["memory"]["m2"]["capacity"] == 64 << 20
    assert DOMAIN in stats["domains"]
