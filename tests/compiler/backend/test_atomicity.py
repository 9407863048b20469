"""Register accesses of one packet are indivisible: hammered from two cores."""

from __future__ import annotations

import multiprocessing
import os
import struct

import bpf_harness as bpf
import ir_programs as programs
import pytest

from rackplane.compiler import ir
from rackplane.compiler.backend.atomicity import HelperTest, Lock, find_spans
from rackplane.compiler.build import compile_pipeline

PACKET = bytes(64)
ROUNDS = 300_000

REGISTERS = {
    "first": ir.Register("ingress.first", ir.Bits(64), 16),
    "second": ir.Register("ingress.second", ir.Bits(32), 16),
    "wide": ir.Register("ingress.wide", ir.Bits(96), 2),
}
COUNTERS = {"seen": ir.Counter("ingress.seen", ir.CounterUnit.PACKETS, 4)}


def read(register: str, target: ir.Place, index: int = 1) -> ir.CallExtern:
    return ir.CallExtern("register.read", (target, programs.const(index, 32)), register)


def write(register: str, value: ir.Expr, index: int = 1) -> ir.CallExtern:
    return ir.CallExtern("register.write", (programs.const(index, 32), value), register)


def increment(register: str, width: int) -> tuple[ir.Stmt, ...]:
    value = programs.var(f"value_{register}", ir.Bits(width))
    more = programs.binary("+", value, programs.const(1, width))
    return (read(register, value), ir.Assign(value, more), write(register, value))


def count() -> ir.CallExtern:
    return ir.CallExtern("counter.count", (programs.const(0, 32),), "seen")


def program(*body: ir.Stmt) -> ir.Pipeline:
    variables = (programs.var("value_first", ir.Bits(64)), programs.var("value_second", ir.Bits(32)))
    return programs.pipeline(
        ingress=ir.Control("ingress", body),
        registers=REGISTERS,
        counters=COUNTERS,
        variables={"ingress": variables},
    )


FIRST, SECOND = increment("first", 64), increment("second", 32)
CONDITION = programs.binary("==", programs.std("ingress_port"), programs.const(3, 9), ir.BOOL)
WIDE = programs.var("value_wide", ir.Bits(96))
CASES = [
    pytest.param(FIRST, [Lock.SPIN], id="one register"),
    pytest.param((*FIRST, *SECOND), [Lock.SPIN], id="two registers in one span"),
    pytest.param((FIRST[0], count(), *FIRST[1:]), [Lock.CAS], id="a helper call between"),
    pytest.param((count(), *FIRST, count()), [Lock.SPIN], id="helper calls around"),
    pytest.param((ir.If(CONDITION, FIRST, SECOND),), [Lock.SPIN, Lock.SPIN], id="one span per branch"),
    pytest.param((ir.If(CONDITION, FIRST), *SECOND), [Lock.SPIN], id="branch and what follows"),
    pytest.param((write("first", programs.const(5, 64)),), [], id="one access alone"),
    pytest.param((FIRST[0], count()), [], id="never written"),
    pytest.param((read("wide", WIDE),), [Lock.SPIN], id="wide and never written"),
    pytest.param(
        (ir.If(CONDITION, FIRST, (write("first", programs.const(5, 64)),)),),
        [Lock.SPIN, Lock.SPIN],
        id="a write alone that another span would lose",
    ),
    pytest.param(
        (ir.If(CONDITION, FIRST, (read("first", programs.var("value_first", ir.Bits(64))),)),),
        [Lock.SPIN],
        id="a read alone beside a span",
    ),
    pytest.param(
        (ir.If(CONDITION, FIRST, (SECOND[0], count(), *SECOND[1:])),),
        [Lock.CAS, Lock.CAS],
        id="one kind of lock for all spans",
    ),
    pytest.param(
        (ir.Scope("s", (FIRST[0], ir.If(CONDITION, (ir.Leave("s"),)), FIRST[2])),), [Lock.SPIN], id="leave"
    ),
]


@pytest.mark.parametrize(("body", "locks"), CASES)
def test_smallest_span_is_locked(body: tuple[ir.Stmt, ...], locks: list[Lock]) -> None:
    spans = find_spans(program(*body), HelperTest(frozenset()))
    assert list(spans.locks.values()) == locks


def _hammer(loaded: bpf.Loaded, cpu: int) -> None:
    os.sched_setaffinity(0, {cpu})
    loaded.run(PACKET, ROUNDS)


@pytest.mark.root
@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two cores")
@pytest.mark.parametrize(("body", "locks"), [c for c in CASES if c.id in ("one register", "a helper call between")])
def test_no_update_is_lost_between_two_cores(body: tuple[ir.Stmt, ...], locks: list[Lock]) -> None:
    with bpf.Loaded(compile_pipeline(program(*body))[0]) as loaded:
        loaded.set_port(bpf.LOOPBACK, 3)
        cores = sorted(os.sched_getaffinity(0))[:2]
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=_hammer, args=(loaded, cpu)) for cpu in cores]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [w.exitcode for w in workers] == [0, 0]
        found = struct.unpack_from("=Q", loaded.memory(".bss.r0", 128), 8)[0]
        busy = loaded.drops().get("the register lock stayed busy", 0)
        assert found + busy == 2 * ROUNDS
        assert busy < ROUNDS // 100
