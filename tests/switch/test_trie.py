"""Prefixes in shared memory: a reader finds the longest one there, whatever was written in which order."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackplane.compiler.backend.trieplan import LINE_BYTES, TriePlan, plan_trie
from rackplane.compiler.manifest import KeyField, TableKind, TableLayout, TrieMaps
from rackplane.switch.entries import Entry
from rackplane.switch.errors import BpfError, BundleError
from rackplane.switch.libbpf import MapInfo, MapType
from rackplane.switch.maps import BpfMap, map_elements
from rackplane.switch.trie import trie_table

VALUE_BYTES = 8
INDEX, IS_NODE = (1 << 24) - 1, 1 << 31


class Memory:
    """A trie over plain memory, and a reader of the format (docs/tables.md) that shares no code with the others."""

    def __init__(self, key_bytes: int, root_bits: int, lines: int, values: int) -> None:
        sizes = ((LINE_BYTES, lines), (VALUE_BYTES, values))
        self._files = [os.memfd_create("trie") for _ in sizes]
        maps = []
        for file, (size, count) in zip(self._files, sizes, strict=True):
            os.ftruncate(file, size * count + 4096)
            maps.append(BpfMap(MapInfo("trie", MapType.ARRAY, 4, size, count), file))
        field = KeyField(1, "k", 8 * key_bytes, "lpm", 0, key_bytes)
        layout = TableLayout(
            1, "t", TableKind.LPM, "t", "", values - 2, key_bytes, VALUE_BYTES, (field,), (), (0, ()), True,
            trie=TrieMaps("t_values", root_bits),
        )  # fmt: skip
        self.trie = trie_table(layout, *maps)
        self.key_bytes, self.root_bits = key_bytes, root_bits
        self.lines, self.values = (map_elements(each) for each in maps)

    def close(self) -> None:
        for file in self._files:
            os.close(file)

    def identity(self, key: int, length: int) -> bytes:
        data = key.to_bytes(self.key_bytes, "big")
        return struct.pack("<I", length) + data.ljust(-(-self.key_bytes // 4) * 4, b"\0")

    def find(self, key: int) -> int:
        left = key << (512 - 8 * self.key_bytes)
        word = int.from_bytes(self.lines[8 * (left >> (512 - self.root_bits)) :][:8], "little")
        node, number, at = word & INDEX, word >> 24 & INDEX, self.root_bits
        while node:
            begins, _ = struct.unpack_from("<QI", self.lines, node * LINE_BYTES)
            slot = left >> (512 - at - 6) & 63
            run = (begins & ((2 << slot) - 1)).bit_count() - 1
            (found,) = struct.unpack_from("<I", self.lines, node * LINE_BYTES + 12 + 4 * run)
            node, number = (found & ~IS_NODE, number) if found & IS_NODE else (0, found or number)
            at += 6
        return int.from_bytes(self.values[8 * number : 8 * number + 8], "little") if number else 0


@contextmanager
def memory(key_bytes: int, root_bits: int, lines: int = 1 << 12, values: int = 300) -> Iterator[Memory]:
    made = Memory(key_bytes, root_bits, lines, values)
    yield made
    made.close()


def entry(value: int) -> Entry:
    return Entry(b"", value.to_bytes(VALUE_BYTES, "little"), 0)


def longest(model: dict[tuple[int, int], int], key: int, bits: int) -> int:
    for length in range(bits, -1, -1):
        found = model.get((key >> (bits - length) << (bits - length), length))
        if found is not None:
            return found
    return 0


@st.composite
def changes(draw: st.DrawFn, key_bytes: int) -> list[tuple[bool, int, int, int]]:
    """Prefixes that often cover each other: (put or remove, key, length, value)."""
    bits = 8 * key_bytes
    bases = draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=1, max_size=3))
    out = []
    for _ in range(draw(st.integers(1, 40))):
        length = draw(st.integers(0, bits))
        key = draw(st.sampled_from(bases)) ^ (1 << draw(st.integers(0, bits - 1)) if draw(st.booleans()) else 0)
        out.append((draw(st.integers(0, 2)) > 0, key >> (bits - length) << (bits - length), length,
                    draw(st.integers(1, 4))))  # fmt: skip
    return out


@pytest.mark.parametrize(("key_bytes", "root_bits"), [(1, 12), (2, 12), (4, 12), (4, 18), (5, 12), (16, 12)])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_readers_find_the_longest_prefix(key_bytes: int, root_bits: int, data: st.DataObject) -> None:
    bits = 8 * key_bytes
    model: dict[tuple[int, int], int] = {}
    with memory(key_bytes, root_bits, (1 << root_bits) // 8 + 4096) as made:
        for put, key, length, value in data.draw(changes(key_bytes)):
            identity = made.identity(key, length)
            if put:
                model[key, length] = value
                made.trie.put(identity, entry(value))
            elif model.pop((key, length), None) is not None:
                made.trie.remove(identity, entry(0))
            if data.draw(st.booleans()):
                made.trie.flush()
        made.trie.flush()
        edges = {k for key, length in model for k in (key, key | ((1 << (bits - length)) - 1))}
        probes = edges | {k ^ 1 for k in edges} | {data.draw(st.integers(0, (1 << bits) - 1))}
        assert {k: made.find(k) for k in probes} == {k: longest(model, k, bits) for k in probes}


def test_what_is_removed_leaves_no_memory_behind() -> None:
    with memory(4, 12, lines=(1 << 12) // 8 + 64) as made:
        for turn in range(200):
            for n in range(4):
                made.trie.put(made.identity(turn << 20 | n << 8, 24 + n), entry(n + 1))
            made.trie.flush()
            for n in range(4):
                made.trie.remove(made.identity(turn << 20 | n << 8, 24 + n), entry(0))
            made.trie.flush()
            assert made.find(turn << 20) == 0


def test_a_full_memory_is_refused_and_nothing_is_lost() -> None:
    with memory(4, 12, lines=(1 << 12) // 8 + 64) as made:
        written = 0
        with pytest.raises(BpfError, match="there is no room for another entry in map"):
            while True:
                made.trie.put(made.identity(written << 20 | 1, 32), entry(written + 1))
                made.trie.flush()
                written += 1
        assert written > 10
        assert [made.find(n << 20 | 1) for n in range(written + 1)] == [*range(1, written + 1), 0]


def test_more_values_than_places_are_refused() -> None:
    with memory(4, 12, values=4) as made:
        for n in range(3):
            made.trie.put(made.identity(n << 24, 8), entry(n + 1))
        made.trie.flush()
        made.trie.put(made.identity(9 << 24, 8), entry(9))
        with pytest.raises(BpfError, match="cannot keep another value"):
            made.trie.flush()
        assert [made.find(n << 24) for n in (0, 1, 2, 9)] == [1, 2, 3, 0]


def test_reset_makes_memory_agree_with_the_entries() -> None:
    with memory(4, 12) as made:
        kept, gone = made.identity(0x0A000000, 8), made.identity(0x0A0B0000, 16)
        made.trie.put(kept, entry(1))
        made.trie.flush()
        made.trie.put(kept, entry(2))
        made.trie.put(gone, entry(3))
        made.trie.flush()
        made.trie.put(gone, entry(4))
        made.trie.reset({kept: entry(1)}, [kept, gone])
        made.trie.flush()
        assert (made.find(0x0A000001), made.find(0x0A0B0001)) == (1, 1)


@pytest.mark.parametrize("size", [1, 1000, 1 << 14])
@pytest.mark.parametrize("spread", ["hosts", "dense", "nested"])
def test_any_prefixes_up_to_the_size_fit(size: int, spread: str) -> None:
    """Hosts far from each other need the most nodes; dense ones the largest nodes."""
    plan = TriePlan(32, size)
    keys = {
        "hosts": [(n * 2654435761 % (1 << 32), 32) for n in range(size)],
        "dense": [(0x0A000000 | n, 32) for n in range(size)],
        "nested": [
            (0x0A000000 | (n << 8 & 0xFFFFFF) >> (8 - n % 9) << (8 - n % 9), 24 + n % 9) for n in range(size)
        ],
    }[spread]
    with memory(4, plan.root_bits, plan.lines, plan.values) as made:
        for n, (key, length) in enumerate(keys):
            made.trie.put(made.identity(key, length), entry(n % 7 + 1))
        made.trie.flush()
        for n, (key, length) in enumerate(keys[:: max(1, size // 50)]):
            if length == 32:
                assert made.find(key) == n * max(1, size // 50) % 7 + 1


@pytest.mark.parametrize(
    ("key_bytes", "value_bytes", "size", "mebibytes"),
    [(4, 16, 1024, 1), (4, 16, 100_000, 32), (4, 16, 1_000_000, 320),
        (4, 16, 500_000, 160), (6, 16, 1024, None), (6, 16, 1 << 19, 300),
        (16, 16, 1 << 20, None),
     (17, 16, 16, None), (4, 256, 16, None)],
)  # fmt: skip
def test_memory_is_in_proportion_to_the_size(
    key_bytes: int, value_bytes: int, size: int, mebibytes: int | None
) -> None:
    plan = plan_trie(key_bytes, value_bytes, size)
    assert (plan is None) == (mebibytes is None)
    if plan is not None and mebibytes is not None:
        assert plan.bytes(value_bytes) < mebibytes << 20


def test_a_map_without_room_is_refused() -> None:
    with pytest.raises(BundleError, match="too small for a trie"), memory(4, 12, lines=8):
        pass
