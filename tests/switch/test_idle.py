"""Idle timeouts: when an entry is due, and what a controller sees of it."""

from __future__ import annotations

import time

import grpc
import numpy as np
import pytest
import switch_client as p4
from compiled_program import CompiledProgram
from finsy.proto import p4r
from hypothesis import given
from hypothesis import strategies as st
from switch_hosts import Links

from rackplane.switch.idle import IdleTimers

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
SECOND = 10**9
HOUR = 3600 * SECOND

# (what, steps, entries reported). Steps: ("hit", handle, time), ("watch", handle, ttl, time), ("scan", time).
CASES: list[tuple[str, list[tuple[str | int, ...]], list[str]]] = [
    ("not watched", [("scan", 100)], []),
    ("due after its ttl", [("watch", 1, 10, 0), ("scan", 9), ("scan", 10)], ["1"]),
    ("a hit puts it off", [("watch", 1, 10, 0), ("hit", 1, 5), ("scan", 14), ("scan", 15)], ["1"]),
    ("a hit before it was watched does not count", [("hit", 1, 3), ("watch", 1, 10, 5), ("scan", 14)], []),
    ("again after another ttl", [("watch", 1, 10, 0), ("scan", 12), ("scan", 21), ("scan", 22)], ["1", "1"]),
    ("no longer watched", [("watch", 1, 10, 0), ("watch", 1, 0, 1), ("scan", 100)], []),
    ("several", [("watch", 3, 10, 0), ("watch", 1, 5, 0), ("scan", 5), ("scan", 10)], ["1", "1", "3"]),
    ("the longest ttl", [("watch", 1, (1 << 63) - 1, 1 << 62), ("scan", 1 << 62)], []),
]


def replay(steps: list[tuple[str | int, ...]]) -> tuple[IdleTimers, list[str]]:
    hits = np.zeros(8, np.uint64)
    timers, reported = IdleTimers(hits), []
    for what, *numbers in steps:
        values = [int(n) for n in numbers]
        if what == "hit":
            hits[values[0]] = values[1]
        elif what == "watch":
            timers.watch(values[0], values[1], str(values[0]).encode(), values[2])
        else:
            reported += [identity.decode() for identity in timers.expired(values[0])]
    return timers, reported


@pytest.mark.parametrize(("what", "steps", "reported"), CASES, ids=[c[0] for c in CASES])
def test_due(what: str, steps: list[tuple[str | int, ...]], reported: list[str]) -> None:
    assert replay(steps)[1] == reported


@pytest.mark.parametrize(
    ("steps", "deadline"),
    [
        ([], None),
        ([("watch", 1, 10, 5), ("watch", 2, 20, 1)], 15),
        ([("watch", 1, 10, 5), ("hit", 1, 9)], 19),
        ([("watch", 1, 10, 5), ("scan", 20)], 30),
        ([("watch", 1, 10, 5), ("watch", 1, 0, 6)], None),
    ],
)
def test_deadline(steps: list[tuple[str | int, ...]], deadline: int | None) -> None:
    assert replay(steps)[0].deadline() == deadline


@given(
    st.lists(
        st.tuples(st.sampled_from(["hit", "watch", "scan"]), st.integers(1, 3), st.integers(0, 9)), max_size=40
    )
)
def test_an_entry_is_reported_when_it_was_idle_for_its_ttl(steps: list[tuple[str, int, int]]) -> None:
    """Time moves by one with each step; against one entry at a time."""
    hits = np.zeros(4, np.uint64)
    timers, start, ttl = IdleTimers(hits), dict.fromkeys(range(4), 0), dict.fromkeys(range(4), 0)
    for now, (what, handle, value) in enumerate(steps, start=1):
        if what == "hit":
            hits[handle] = start[handle] = now
        elif what == "watch":
            timers.watch(handle, value, bytes((handle,)), now)
            ttl[handle], start[handle] = value, now
        else:
            due = [h for h in ttl if ttl[h] and now - start[h] >= ttl[h]]
            pending = timers.deadline()
            assert (pending is not None and pending <= now) is bool(due)
            assert timers.expired(now) == [bytes((h,)) for h in due]
            start.update(dict.fromkeys(due, now))


def frame(source: int, destination: int = 1, kind: int = 0x1234) -> bytes:
    head = destination.to_bytes(6, "big") + source.to_bytes(6, "big") + kind.to_bytes(2, "big")
    return head.ljust(60, b"\0")


def known(program: CompiledProgram, source: int, ttl: int = 0) -> p4r.Entity:
    entity = program.entry("known", "NoAction", src=source)
    entity.table_entry.idle_timeout_ns = ttl
    return entity


def with_age(entity: p4r.Entity) -> p4r.Entity:
    asked = p4r.Entity()
    asked.CopyFrom(entity)
    asked.table_entry.ClearField("action")
    asked.table_entry.time_since_last_hit.SetInParent()
    return asked


def ages(client: p4.Client, entity: p4r.Entity) -> list[int]:
    return [e.table_entry.time_since_last_hit.elapsed_ns for e in client.read(with_age(entity))]


@pytest.mark.root
def test_idle_entries_are_reported_and_others_are_not(
    bridge: p4.Client, links: Links, learning: CompiledProgram
) -> None:
    short, long = known(learning, 1, SECOND // 4), known(learning, 2, HOUR)
    short.table_entry.metadata, short.table_entry.controller_metadata = b"mine", 7
    start = time.monotonic_ns()
    bridge.insert(short, long, known(learning, 3))
    for _ in range(2):  # the time begins anew after a notification
        notice = bridge.stream.receive(20).idle_timeout_notification
        (entry,) = notice.table_entry
        assert (entry.table_id, entry.match) == (short.table_entry.table_id, short.table_entry.match)
        assert (entry.metadata, entry.controller_metadata) == (b"mine", 7)
        assert entry.idle_timeout_ns == SECOND // 4
        assert notice.timestamp > 1_600_000_000 * SECOND
    assert time.monotonic_ns() - start >= SECOND // 2
    assert bridge.read(short) == [short]
    bridge.delete(short)


@pytest.mark.root
def test_ternary_entries_have_idle_timeouts(bridge: p4.Client, learning: CompiledProgram) -> None:
    entity = learning.entry("bridge", "forward", priority=9, dst=(5, 0xFF), port=2)
    entity.table_entry.idle_timeout_ns = 1
    bridge.insert(entity)
    (entry,) = bridge.stream.receive(20).idle_timeout_notification.table_entry
    assert (entry.priority, entry.match) == (9, entity.table_entry.match)


@pytest.mark.root
def test_hits_are_seen_and_put_the_timeout_off(bridge: p4.Client, links: Links, learning: CompiledProgram) -> None:
    watched, other = known(learning, 1, HOUR), known(learning, 2)
    forward = learning.entry("bridge", "forward", priority=1, dst=(1, 0xFF), port=2)
    bridge.insert(watched, other, forward)
    time.sleep(0.3)
    before = ages(bridge, watched)[0], ages(bridge, other)[0]
    assert min(before) >= 3 * SECOND // 10
    links.hosts[1].send(frame(1))
    assert links.hosts[2].receive(5) is not None
    reading = time.monotonic_ns()
    hit, quiet, third = ages(bridge, watched)[0], ages(bridge, other)[0], ages(bridge, forward)[0]
    assert hit < before[0] + (time.monotonic_ns() - reading), "younger than it would be without the hit"
    assert hit < quiet
    assert third < quiet
    assert quiet >= before[1]


@pytest.mark.root
def test_a_modify_sets_the_timeout(bridge: p4.Client, learning: CompiledProgram) -> None:
    bridge.insert(known(learning, 1, HOUR))
    bridge.modify(known(learning, 1, 1))
    assert bridge.stream.receive(20).HasField("idle_timeout_notification")
    bridge.modify(known(learning, 1, 0))
    bridge.modify(known(learning, 1))
    while not bridge.stream.silent():
        pass  # what was under way
    assert bridge.read(known(learning, 1)) == [known(learning, 1)]


@pytest.mark.root
def test_a_rollback_brings_the_timeout_back(bridge: p4.Client, learning: CompiledProgram) -> None:
    bridge.insert(known(learning, 1, SECOND // 10))
    with pytest.raises(grpc.RpcError):
        bridge.write(
            p4r.Update(type=DELETE, entity=known(learning, 1)),
            p4r.Update(type=INSERT, entity=known(learning, 2, 1)),
            p4r.Update(),
            atomicity=p4r.WriteRequest.ROLLBACK_ON_ERROR,
        )
    for _ in range(2):
        (entry,) = bridge.stream.receive(20).idle_timeout_notification.table_entry
        assert entry.match == known(learning, 1).table_entry.match


@pytest.mark.root
def test_const_entries_have_an_age(bridge: p4.Client, links: Links, learning: CompiledProgram) -> None:
    first, second = (learning.entry("fixed", "", kind=kind) for kind in (0x1111, 0x2222))
    bridge.insert(learning.entry("bridge", "forward", priority=1, dst=(1, 0xFF), port=2))
    time.sleep(0.05)
    links.hosts[1].send(frame(1, kind=0x1111))
    assert links.hosts[2].receive(5) is not None
    assert ages(bridge, first)[0] < ages(bridge, second)[0]


@pytest.mark.root
def test_refused(bridge: p4.Client, learning: CompiledProgram) -> None:
    negative = known(learning, 1, -1)
    with pytest.raises(grpc.RpcError) as failure:
        bridge.insert(negative)
    (error,) = p4.errors(failure.value)
    assert (error.canonical_code, "idle_timeout_ns is -1" in error.message) == (3, True)
    default = p4r.Entity()
    default.table_entry.table_id, default.table_entry.is_default_action = (
        known(learning, 1).table_entry.table_id,
        True,
    )
    with pytest.raises(grpc.RpcError) as failure:
        bridge.read(with_age(default))
    assert p4.errors(failure.value)[0].canonical_code == 3


@pytest.mark.root
def test_tables_without_timeouts_have_no_age(filled: p4.Client) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        filled.read(with_age(p4.HELD))
    assert "does not support idle timeouts" in p4.errors(failure.value)[0].message
    everything = p4r.Entity()
    everything.table_entry.time_since_last_hit.SetInParent()
    assert not any(e.table_entry.HasField("time_since_last_hit") for e in filled.read(everything))
