"""Two cores run one program at once, and no update of its registers and counters is lost, as on BMv2."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from program_lab import Lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores"),
]
ROUNDS = 60_000
SIZE = 60


def frame(kind: int) -> bytes:
    return bytes([kind]) + bytes(SIZE - 1)


@pytest.fixture(scope="module")
def hammered() -> Iterator[tuple[Lab, int]]:
    """The program after two cores have run it, and how many packets came through."""
    with Lab("hammered") as lab:

        def run(cpu: int, kind: int) -> None:
            os.sched_setaffinity(0, {cpu})  # of this thread
            lab.run(frame(kind), ROUNDS)

        cores = sorted(os.sched_getaffinity(0))[:2]
        threads = [threading.Thread(target=run, args=(cpu, kind)) for cpu, kind in zip(cores, (1, 2), strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        busy = lab.pipeline.drop_counts().get("the register lock stayed busy", 0)
        assert busy < ROUNDS // 100
        yield lab, 2 * ROUNDS - busy


def register(lab: Lab, name: str, index: int) -> int:
    entry = p4r.RegisterEntry(register_id=lab.id(name), index=p4r.Index(index=index))
    [found] = lab.read(p4r.Entity(register_entry=entry))
    return int.from_bytes(found.register_entry.data.bitstring, "big")


def test_sums_are_exact(hammered: tuple[Lab, int]) -> None:
    lab, packets = hammered
    assert register(lab, "total", 2) == packets


def test_two_registers_stay_equal(hammered: tuple[Lab, int]) -> None:
    lab, packets = hammered
    assert register(lab, "unequal", 0) == 0
    assert (register(lab, "left", 1), register(lab, "right", 1)) == (packets, packets)


def test_a_table_between_read_and_write_does_not_tear_them(hammered: tuple[Lab, int]) -> None:
    lab, packets = hammered
    assert register(lab, "around", 0) == packets


def test_registers_of_egress(hammered: tuple[Lab, int]) -> None:
    lab, packets = hammered
    found = register(lab, "leaving", 1)
    first, second = found & 0xFFFFFFFF, found >> 32
    assert first + second == packets
    assert min(first, second) > ROUNDS * 0.98


def test_counters_count_every_packet(hammered: tuple[Lab, int]) -> None:
    lab, packets = hammered
    entry = p4r.CounterEntry(counter_id=lab.id("seen"), index=p4r.Index(index=3))
    [indexed] = lab.read(p4r.Entity(counter_entry=entry))
    data = indexed.counter_entry.data
    assert packets <= data.packet_count <= 2 * ROUNDS
    assert data.byte_count == SIZE * data.packet_count


def test_direct_counters_count_every_packet(hammered: tuple[Lab, int]) -> None:
    lab, packets = hammered
    whole = p4r.TableEntry(table_id=lab.id("kinds"))
    found = lab.read(p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=whole)))
    counts = [e.direct_counter_entry.data for e in found]
    assert len(counts) == 2
    assert packets <= sum(data.packet_count for data in counts) <= 2 * ROUNDS
    assert all(data.packet_count > ROUNDS * 0.98 for data in counts)
    assert all(data.byte_count == SIZE * data.packet_count for data in counts)
