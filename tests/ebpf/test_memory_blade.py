"""Each verb of a memory blade and each refusal, by frames that are given to its program directly."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from blade_bench import (
    ACK,
    ADD,
    ATOMIC_ACK,
    CAS,
    READ,
    READ_RESPONSE,
    WRITE,
    Change,
    Reply,
    atomic_eth,
    frame,
    reply,
    reth,
)
from program_bench import ACCESS, DROP, INVALID, PASS, REDIRECT, Bench

from rackplane.ebpf.bpf_call import test_run as run_program
from rackplane.ebpf.errors import EbpfError
from rackplane.ebpf.memory_blade import MemoryBlade, MemoryBladeOptions

pytestmark = pytest.mark.root

CAPACITY = 1 << 20


@pytest.fixture
def bench(shared_blade: MemoryBlade) -> Bench:
    """The blade that all tests share, with a queue pair and a page for this one alone."""
    return Bench(shared_blade)


@pytest.mark.parametrize(
    ("va", "length", "padding"),
    [
        (0, 0, 0),
        (0, 1, 0),
        (7, 3, 0),
        (8, 8, 0),
        (4, 8, 0),
        (1000, 24, 0),
        (4096, 64, 0),
        (8192 - 128, 128, 0),
        (4096, 129, 129),
        (5120, 1024, 1024),
        (5121, 1023, 1023),
        (5120, 64, 1024),
        (5120, 1000, 910),
        (CAPACITY - 8, 8, 0),
        (CAPACITY - 1024, 1024, 1024),
    ],
)
def test_read(bench: Bench, va: int, length: int, padding: int) -> None:
    data = bytes(n * 7 % 251 for n in range(length))
    bench.blade.memory[va : va + length] = data
    found = bench.ask(READ, reth(va, length, rkey=0xAB123456) + b"\xee" * padding, psn=0xFFFFFF)
    assert found == Reply(READ_RESPONSE, bench.qp, 0xFFFFFF, 0, 0x123456, data)
    assert bench.counted() == {"reads": 1} | ({"read_bytes": length} if length else {})


@pytest.mark.parametrize(
    ("va", "length"), [(0, 0), (0, 1), (8, 8), (12, 8), (1000, 24), (5120, 1024), (5121, 777), (CAPACITY - 1, 1)]
)
def test_write(bench: Bench, va: int, length: int) -> None:
    data = bytes(n * 5 % 241 + 1 for n in range(length))
    around = slice(max(0, va - 8), min(CAPACITY, va + length + 8))
    bench.blade.memory[around] = b"\xcc" * (around.stop - around.start)
    assert bench.ask(WRITE, reth(va, length) + data) == Reply(ACK, bench.qp, 0, 0, 0, b"")
    assert bench.blade.memory[va : va + length] == data
    assert set(bench.blade.memory[around.start : va] + bench.blade.memory[va + length : around.stop]) <= {0xCC}
    assert bench.counted() == {"writes": 1} | ({"written_bytes": length} if length else {})


@pytest.mark.parametrize(
    ("opcode", "before", "operands", "after"),
    [
        (ADD, 40, (2, 0), 42),
        (ADD, 2**64 - 1, (3, 0), 2),
        (ADD, 5, (-1, 0), 4),
        (CAS, 40, (7, 40), 7),
        (CAS, 40, (7, 41), 40),
        (CAS, 0x0102030405060708, (1 << 63, 0x0102030405060708), 1 << 63),
    ],
    ids=["add", "add and wrap", "subtract", "swap", "differs", "big-endian on the wire"],
)
def test_atomic(bench: Bench, opcode: int, before: int, operands: tuple[int, int], after: int) -> None:
    bench.set_word(before)
    found = bench.ask(opcode, atomic_eth(bench.va, *operands, rkey=9))
    assert found == Reply(ATOMIC_ACK, bench.qp, 0, 0, 9, before.to_bytes(8, "big"))
    assert bench.word() == after
    assert bench.counted() == {"fetch_adds" if opcode == ADD else "compare_swaps": 1}


@pytest.mark.parametrize(
    ("opcode", "extended", "syndrome", "counter"),
    [
        (READ, reth(0, 1025), INVALID, "nak_length"),
        (READ, reth(0, 0xFFFFFFFF), INVALID, "nak_length"),
        (READ, reth(1023, 2), INVALID, "nak_length"),
        (READ, reth(CAPACITY - 4, 8), INVALID, "nak_length"),
        (READ, reth(CAPACITY, 8), ACCESS, "nak_address"),
        (READ, reth(CAPACITY, 0), ACCESS, "nak_address"),
        (READ, reth(1 << 44, 8), ACCESS, "nak_address"),
        (READ, reth((1 << 64) - 8, 8), ACCESS, "nak_address"),
        (WRITE, reth(0, 4) + b"12345", INVALID, "nak_length"),
        (WRITE, reth(0, 4) + b"123", INVALID, "nak_length"),
        (WRITE, reth(0, 1025) + bytes(1025), INVALID, "nak_length"),
        (WRITE, reth(1020, 8) + bytes(8), INVALID, "nak_length"),
        (WRITE, reth(CAPACITY, 8) + bytes(8), ACCESS, "nak_address"),
        (ADD, atomic_eth(4, 1), INVALID, "nak_alignment"),
        (CAS, atomic_eth(1, 1), INVALID, "nak_alignment"),
        (ADD, atomic_eth(CAPACITY, 1), ACCESS, "nak_address"),
        (CAS, atomic_eth((1 << 64) - 8, 1), ACCESS, "nak_address"),
        (0xC0, reth(0, 8), INVALID, "nak_opcode"),
        (0xC7, bytes(28), INVALID, "nak_opcode"),
        (0x00, b"", INVALID, "nak_opcode"),
        (0xFF, bytes(1000), INVALID, "nak_opcode"),
    ],
)
def test_refusals(bench: Bench, opcode: int, extended: bytes, syndrome: int, counter: str) -> None:
    before = bench.blade.memory[:]
    assert bench.ask(opcode, extended, psn=3) == Reply(ACK, bench.qp, 3, syndrome, 0, b"")
    assert bench.blade.memory[:] == before
    assert bench.counted() == {counter: 1}


@pytest.mark.parametrize(
    ("made", "counter"),
    [
        (frame(READ, reth(0, 8)[:15]), "drop_truncated"),
        (frame(WRITE, b""), "drop_truncated"),
        (frame(ADD, atomic_eth(0, 1)[:27]), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(cut=1)), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(cut=30)), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(cut=34)), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(ip_length=1)), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(udp_length=-1)), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(udp_length=-32, ip_length=-32)), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(udp_length=1, ip_length=1)), "drop_truncated"),
        (frame(WRITE, reth(0, 2) + b"ab", change=Change(bth={"padcount": 3})), "drop_truncated"),
        (frame(READ, reth(0, 8), change=Change(checksum=0x0100)), "drop_ip_checksum"),
        (frame(READ, reth(0, 8), change=Change(ip={"flags": "MF"})), "drop_ip_header"),
        (frame(READ, reth(0, 8), change=Change(ip={"frag": 1})), "drop_ip_header"),
        (frame(READ, reth(0, 8), change=Change(ip={"options": [b"\x01\x01\x01\x01"]})), "drop_ip_header"),
        (frame(READ, reth(0, 8), change=Change(bth={"version": 1})), "drop_bth_version"),
        (frame(READ_RESPONSE, bytes(12)), "drop_answer"),
        (frame(ACK, bytes(4)), "drop_answer"),
        (frame(ATOMIC_ACK, bytes(12)), "drop_answer"),
    ],
)
def test_malformed_frames_are_dropped_and_counted(bench: Bench, made: bytes, counter: str) -> None:
    before = bench.blade.memory[:]
    assert run_program(bench.blade.xdp, made).verdict == DROP
    assert bench.blade.memory[:] == before
    assert bench.counted() == {counter: 1}


@pytest.mark.parametrize(
    "made",
    [
        b"\xff" * 14,
        b"\x02" * 60,
        frame(READ, reth(0, 8), change=Change(udp={"dport": 4790})),
        frame(READ, reth(0, 8), change=Change(ip={"proto": 6})),
    ],
    ids=["short", "another type", "another port", "TCP"],
)
def test_other_frames_are_left_to_the_host(bench: Bench, made: bytes) -> None:
    assert run_program(bench.blade.xdp, made).verdict == PASS
    assert bench.counted() == {}


def test_every_truncation_of_every_verb_leaves_memory_alone(bench: Bench) -> None:
    whole = [
        frame(WRITE, reth(0, 32) + b"\xaa" * 32),
        frame(ADD, atomic_eth(0, 1)),
        frame(CAS, atomic_eth(0, 1)),
        frame(READ, reth(0, 200) + bytes(200)),
    ]
    before = bench.blade.memory[:]
    for made in whole:
        for length in range(14, len(made)):
            assert run_program(bench.blade.xdp, made[:length]).verdict in (DROP, PASS)
    assert bench.blade.memory[:] == before


def test_a_padded_write_is_written_without_its_padding(bench: Bench) -> None:
    bench.blade.memory[0:8] = bytes(8)
    made = frame(WRITE, reth(0, 5) + b"12345\xff\xff\xff", qp=bench.qp, change=Change(bth={"padcount": 3}))
    assert reply(run_program(bench.blade.xdp, made).frame).syndrome == 0
    assert bench.blade.memory[0:8] == b"12345\0\0\0"


def test_long_reads_without_padding_go_on_to_the_slow_path(bench: Bench) -> None:
    for length, verdict in ((140, REDIRECT), (141, PASS), (1024, PASS)):
        assert run_program(bench.blade.xdp, frame(READ, reth(0, length))).verdict == verdict


def test_the_options_address_is_the_only_one_served() -> None:
    blade = MemoryBlade(MemoryBladeOptions(capacity=4096, address=IPv4Address("10.0.1.1")))
    other = frame(READ, reth(0, 8), change=Change(ip={"dst": "10.0.1.2"}))
    assert run_program(blade.xdp, frame(READ, reth(0, 8))).verdict == REDIRECT
    assert run_program(blade.xdp, other).verdict == PASS
    blade.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 100}, "multiple of 4096 bytes up to 68719476736, not 100"),
        ({"capacity": 0}, "not 0"),
        ({"capacity": 1 << 37}, "not 137438953472"),
        ({"queue_pairs": 0}, "1 to 65536 queue pairs, not 0"),
        ({"lifetime": 0}, "not 0"),
    ],
)
def test_bad_options(options: dict[str, int], message: str) -> None:
    with pytest.raises(EbpfError, match=message):
        MemoryBladeOptions(**options)
