"""Tables of every kind in the kernel: which entry wins, what a miss does, and what is counted."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import bpf_harness as bpf
import ir_programs as programs
import pytest

from rackplane.compiler import ir
from rackplane.compiler.build import compile_pipeline
from rackplane.compiler.bundle import Bundle
from rackplane.compiler.driver import compile_program
from rackplane.compiler.manifest import TableKind

pytestmark = pytest.mark.root

SOURCE = Path(__file__).parent / "p4" / "matching.p4"
EXACT, PREFIX, MASKED, CODE, KEYLESS = range(5)
FULL16, FULL32, FULL9 = 0xFFFF, 0xFFFFFFFF, 0x1FF


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compile_program(SOURCE).bundle


@pytest.fixture
def switch(bundle: Bundle) -> Iterator[bpf.Loaded]:
    with bpf.Loaded(bundle) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        yield loaded


def test_a_program_may_have_more_tables_than_half_of_the_kernels_maps() -> None:
    """Of many tables the first are in shared memory, which takes two maps each; the others do with one."""
    hdr = programs.var("hdr", programs.HEADERS)
    names = [f"t{n}" for n in range(36)]
    port = programs.var("to.port", ir.Bits(9))
    to = ir.Action("ingress.to", (ir.Param("port", port),), (ir.Assign(programs.std("egress_spec"), port),))
    key = ir.Key("hdr.ipv4.dst", programs.member(hdr, "ipv4", "dst"), ir.MatchKind.EXACT)
    tables = {
        name: ir.Table(f"ingress.{name}", (key,), (ir.ActionRef("to"),), ir.ActionCall("to", (n,)))
        for n, name in enumerate(names)
    }
    body = tuple(ir.ApplyTable(name) for name in names)
    pipeline = programs.pipeline(actions={"to": to}, tables=tables, ingress=ir.Control("ingress", body))
    made, _ = compile_pipeline(pipeline)
    assert [table.buckets is not None for table in made.manifest.tables] == [True] * 16 + [False] * 20
    assert [table.default_index for table in made.manifest.tables] == list(range(36))
    with bpf.Loaded(made) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        assert bpf.where(loaded, bytes(12) + b"\x08\x00" + bytes(20), range(33, 37)) == 35


def query(kind: int, a: int = 0, b: int = 0, narrow: int = 0) -> bytes:
    return struct.pack("!BHIH", kind, a, b, narrow) + bytes(10)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("exact_match", TableKind.HASH),
        ("prefix_match", TableKind.LPM),
        ("masked_match", TableKind.TERNARY),
        ("code_match", TableKind.CODE),
        ("keyless", TableKind.KEYLESS),
    ],
)
def test_each_table_is_kept_its_way(switch: bpf.Loaded, table: str, kind: TableKind) -> None:
    assert switch.table(table).kind is kind


@pytest.mark.parametrize(("a", "narrow", "port"), [(1, 511, 4), (1, 510, 15), (2, 511, 15)])
def test_exact(switch: bpf.Loaded, a: int, narrow: int, port: int) -> None:
    switch.insert("exact_match", [(1, 0), (511, 0)], "counted", port=4)
    assert bpf.where(switch, query(EXACT, a=a, narrow=narrow)) == port


def test_direct_counter_counts_hits_by_handle(switch: bpf.Loaded) -> None:
    layout = switch.table("exact_match")
    switch.insert("exact_match", [(1, 0), (2, 0)], "counted", port=4)
    switch.open_ports(4, 15)
    for _ in range(3):
        switch.run(query(EXACT, a=1, narrow=2))
    switch.run(query(EXACT, a=9))
    cpus = os.sysconf("SC_NPROCESSORS_CONF")
    value = switch.lookup(layout.direct_counter, bytes(4), 16 * max(cpus, 64)) or b""
    totals = [sum(struct.unpack_from(f"={2 * cpus}Q", value)[n::2]) for n in range(2)]
    assert totals == [3, 3 * len(query(EXACT))]


@pytest.mark.parametrize(
    ("b", "narrow", "port"),
    [
        (0x0A000001, 3, 1),
        (0x0A010001, 3, 2),
        (0x0A010203, 3, 3),
        (0x0A010203, 4, 9),
        (0x0B000000, 3, 9),
    ],
)
def test_longest_prefix_under_the_same_exact_key(switch: bpf.Loaded, b: int, narrow: int, port: int) -> None:
    for port_, (prefix, bits) in enumerate([(0x0A000000, 8), (0x0A010000, 16), (0x0A010203, 32)], start=1):
        switch.insert("prefix_match", [(3, 0), (prefix, bits)], "send", port=port_)
    assert bpf.where(switch, query(PREFIX, b=b, narrow=narrow)) == port


@pytest.mark.parametrize(
    ("a", "b", "narrow", "port"),
    [
        (0x1200, 0, 0, 1),
        (0x1234, 0, 0, 2),
        (0x1234, 0x0A000001, 0, 3),
        (0x1234, 0x0A000001, 77, 4),
        (0x9999, 0, 77, 14),
    ],
)
def test_highest_priority_under_any_mask(switch: bpf.Loaded, a: int, b: int, narrow: int, port: int) -> None:
    switch.insert_group(
        "masked_match", [FULL16, FULL32, FULL9], [(40, [0x1234, 0x0A000001, 77], "send", {"port": 4})]
    )
    switch.insert_group(
        "masked_match", [FULL16, 0xFF000000, 0], [(30, [0x1234, 0x0A000000, 0], "send", {"port": 3})]
    )
    switch.insert_group("masked_match", [FULL16, 0, 0], [(20, [0x1234, 0, 0], "send", {"port": 2})])
    switch.insert_group("masked_match", [0xFF00, 0, 0], [(10, [0x1200, 0, 0], "send", {"port": 1})])
    assert bpf.where(switch, query(MASKED, a=a, b=b, narrow=narrow)) == port


@pytest.mark.parametrize(
    ("a", "b", "port"),
    [
        (15, 5, 1),
        (15, 6, 2),
        (21, 5, 2),
        (9, 0xFF000001, 3),
        (9, 5, 8),
        (100, 5, None),
        (100, 0xFF000000, 3),
    ],
)
def test_first_constant_entry_wins(switch: bpf.Loaded, a: int, b: int, port: int | None) -> None:
    assert bpf.where(switch, query(CODE, a=a, b=b)) == port


@pytest.mark.parametrize(("table", "kind", "before"), [("code_match", CODE, 8), ("keyless", KEYLESS, 7)])
def test_default_action_of_a_table_without_entries_can_change(
    switch: bpf.Loaded, table: str, kind: int, before: int
) -> None:
    assert bpf.where(switch, query(kind)) == before
    switch.set_default(table, "send", port=5)
    assert bpf.where(switch, query(kind)) == 5
