"""WRITE and atomics run at most once, whatever is repeated, overtaken or given to two processors at a time."""

from __future__ import annotations

import ctypes
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blade_bench import ADD, CAS, READ, WRITE, atomic_eth, frame, reth
from program_bench import INVALID, NOT_READY, REDIRECT, Bench

from rackplane.ebpf.bpf_call import test_run as run_program
from rackplane.ebpf.memory_blade import MemoryBlade, MemoryBladeOptions

pytestmark = pytest.mark.root


@pytest.fixture
def bench(shared_blade: MemoryBlade) -> Bench:
    """The blade that all tests share, with a queue pair and a page for this one alone."""
    return Bench(shared_blade)


@pytest.mark.parametrize(("opcode", "after"), [(WRITE, 1), (ADD, 41), (CAS, 40)], ids=["write", "add", "swap"])
def test_a_repeated_update_is_answered_and_not_executed(bench: Bench, opcode: int, after: int) -> None:
    extended = {
        WRITE: reth(bench.va, 8) + (1).to_bytes(8, "little"),
        ADD: atomic_eth(bench.va, 1),
        CAS: atomic_eth(bench.va, 1, 0),
    }[opcode]
    first = bench.ask(opcode, extended, psn=7)
    assert bench.word() == 1
    bench.set_word(40)
    for _ in range(3):
        assert bench.ask(opcode, extended, psn=7) == first
    assert bench.word() == 40
    assert bench.counted()["repeated_answers"] == 3
    assert bench.ask(opcode, extended, psn=8) is not None
    assert bench.word() == after


@pytest.mark.parametrize("start", [0, 1000, 0xFFFF80], ids=["from zero", "from 1000", "across the wrap"])
def test_the_last_256_psns_are_remembered_and_older_ones_ignored(bench: Bench, start: int) -> None:
    psns = [(start + n) % (1 << 24) for n in range(300)]
    first = [bench.add(psn) for psn in psns]
    assert bench.word() == 300
    for n in range(299, 43, -1):
        assert bench.add(psns[n]) == first[n]
    for n in (43, 42, 1, 0):
        assert bench.add(psns[n]) is None
    assert bench.word() == 300
    assert bench.counted() == {"fetch_adds": 300, "repeated_answers": 256, "drop_old": 4}


def test_updates_that_overtake_each_other_are_all_executed(bench: Bench) -> None:
    for psn in [*range(255, -1, -1), *range(511, 255, -1)]:
        assert bench.add(psn) is not None
    assert bench.word() == 512


def test_a_psn_keeps_its_verb(bench: Bench) -> None:
    bench.ask(WRITE, reth(bench.va, 8) + bytes(8), psn=5)
    found = bench.add(psn=5)
    assert found is not None
    assert found.syndrome == INVALID
    assert bench.word() == 0
    assert bench.counted()["nak_changed"] == 1


def test_reads_do_not_wear_the_history_out(bench: Bench) -> None:
    bench.add(psn=10)
    for psn in range(11, 1011):
        bench.ask(READ, reth(bench.va, 8), psn=psn)
    bench.add(psn=10)
    assert bench.word() == 1


def test_reads_may_take_the_psn_far(bench: Bench) -> None:
    for psn in (10, 10 + (1 << 23) + 5, 10):
        assert bench.add(psn) is not None
    assert bench.word() == 3


def test_queue_pairs_have_histories_of_their_own(bench: Bench) -> None:
    for qp in (0x00E001, 0x01E001, 0xFFE001, 0x00FFFF, 0xFFFFFF, 0):
        assert bench.add(psn=9, qp=qp) is not None
    assert bench.word() == 6


def test_more_queue_pairs_than_there_is_room_for_come_again_later() -> None:
    blade = MemoryBlade(MemoryBladeOptions(capacity=1 << 20, queue_pairs=16, lifetime=60))
    bench = Bench(blade)
    found = {qp: bench.add(qp=qp) for qp in range(1, 100)}
    refused = [qp for qp, answer in found.items() if answer is not None and answer.syndrome == NOT_READY]
    assert 99 - 16 <= len(refused) < 99
    assert bench.word() == 99 - len(refused)
    assert bench.counted() == {"fetch_adds": 99 - len(refused), "rnr_queue_pairs": len(refused)}
    served = next(qp for qp in found if qp not in refused)
    assert bench.add(psn=1, qp=served) is not None
    assert bench.word() == 100 - len(refused)
    read = bench.ask(READ, reth(bench.va, 8), qp=refused[0])
    assert read is not None
    assert read.syndrome == 0
    blade.close()


def test_a_silent_queue_pair_makes_room() -> None:
    blade = MemoryBlade(MemoryBladeOptions(capacity=1 << 20, queue_pairs=1, lifetime=0.5))
    bench = Bench(blade)
    syndromes = [bench.add(psn=500, qp=qp).syndrome for qp in range(1, 10)]  # type: ignore[union-attr]
    assert syndromes == [0] * 8 + [NOT_READY]
    time.sleep(0.6)
    assert bench.add(psn=500, qp=1).syndrome == 0  # type: ignore[union-attr]
    assert bench.add(qp=9).syndrome == 0  # type: ignore[union-attr]
    assert bench.word() == 10
    blade.close()


def test_one_update_given_to_two_processors_at_once_is_executed_once(bench: Bench) -> None:
    rounds = 2000
    page = bench.va + 1024
    adds = [frame(ADD, atomic_eth(bench.va, 1), qp=0xE100, psn=psn) for psn in range(rounds)]
    writes = [
        frame(WRITE, reth(page, 1024) + bytes([psn % 256]) * 1024, qp=0xE101, psn=psn) for psn in range(rounds)
    ]
    barrier = threading.Barrier(2)

    def hammer() -> int:
        answered = 0
        for add, write in zip(adds, writes, strict=True):
            barrier.wait()
            answered += run_program(bench.blade.xdp, add).verdict == REDIRECT
            run_program(bench.blade.xdp, write)
        return answered

    with ThreadPoolExecutor(2) as pool:
        hammers = [pool.submit(hammer), pool.submit(hammer)]
        assert sum(each.result() for each in hammers) == 2 * rounds
    counted = bench.counted()
    assert bench.word() == rounds
    assert (counted["fetch_adds"], counted["writes"]) == (rounds, rounds)
    assert counted["repeated_answers"] + counted.get("drop_in_progress", 0) == 2 * rounds
    assert set(bench.blade.memory[page : page + 1024]) == {(rounds - 1) % 256}


ADDER = """
#include <stdint.h>
void add(uint64_t *word, uint64_t times) { while (times--) __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST); }
"""


def test_atomics_are_atomic_with_the_process_that_maps_the_memory(bench: Bench, tmp_path: Path) -> None:
    source, library = tmp_path / "add.c", tmp_path / "add.so"
    source.write_text(ADDER)
    subprocess.run(["clang", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    add = ctypes.CDLL(str(library)).add
    word = ctypes.c_uint64.from_buffer(bench.blade.memory, bench.va)
    done = threading.Event()

    def remote() -> int:
        psn = 0
        made = frame(ADD, atomic_eth(bench.va, 1), qp=0xE200)
        while not done.is_set() or psn < 1000:
            psn_bytes = psn.to_bytes(3, "big")
            assert run_program(bench.blade.xdp, made[:51] + psn_bytes + made[54:]).verdict == REDIRECT
            psn += 1
        return psn

    with ThreadPoolExecutor(1) as pool:
        remotely = pool.submit(remote)
        for _ in range(20):
            add(ctypes.byref(word), ctypes.c_uint64(1_000_000))
        done.set()
        added = 20_000_000 + remotely.result()
    assert word.value == added
    del word
