"""Exact keys in shared memory: a reader finds each that is there, whatever was written in which order."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackplane.compiler.backend.bucketplan import BucketPlan, plan_buckets
from rackplane.compiler.manifest import BucketMaps, KeyField, TableKind, TableLayout
from rackplane.switch.buckets import bucket_table
from rackplane.switch.entries import Entry
from rackplane.switch.errors import BpfError, BundleError
from rackplane.switch.libbpf import MapInfo, MapType
from rackplane.switch.maps import BpfMap, map_elements

VALUE_BYTES = 8
WORD, INDEX = (1 << 64) - 1, (1 << 24) - 1
MULTIPLIERS = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93


class Memory:
    """Buckets over plain memory, and a reader of the format (docs/tables.md) of its own."""

    def __init__(self, plan: BucketPlan, lines: int, values: int) -> None:
        self.plan = plan
        self._files = [os.memfd_create("buckets") for _ in range(2)]
        maps = []
        for file, (size, count) in zip(self._files, ((plan.line_bytes, lines), (VALUE_BYTES, values)), strict=True):
            os.ftruncate(file, size * count + 4096)
            maps.append(BpfMap(MapInfo("buckets", MapType.ARRAY, 4, size, count), file))
        key_bytes = 4 * plan.key_words
        field = KeyField(1, "k", 8 * key_bytes, "exact", 0, key_bytes)
        layout = TableLayout(
            1, "t", TableKind.HASH, "t", "", values - 2, key_bytes, VALUE_BYTES, (field,), (), (0, ()), True,
            buckets=BucketMaps("t_values", plan.buckets, plan.slots),
        )  # fmt: skip
        self.table = bucket_table(layout, *maps)
        self.lines, self.values = (map_elements(each) for each in maps)

    def close(self) -> None:
        for file in self._files:
            os.close(file)

    def bucket(self, key: bytes) -> int:
        (mixed,) = struct.unpack_from("<Q", self.lines, 0)
        for at in range(0, len(key), 8):
            mixed = (mixed ^ int.from_bytes(key[at : at + 8], "little")) * MULTIPLIERS[0] & WORD
            mixed ^= mixed >> 32
        return ((mixed * MULTIPLIERS[1] & WORD) >> 32) * self.plan.buckets >> 32

    def find(self, key: bytes) -> int:
        line = self.bucket(key) + 1
        while line:
            at = line * self.plan.line_bytes
            (head,) = struct.unpack_from("<Q", self.lines, at)
            for slot in range(self.plan.slots):
                place = at + 8 + slot * (len(key) + 4)
                if head >> slot & 1 and self.lines[place : place + len(key)] == key:
                    (number,) = struct.unpack_from("<I", self.lines, place + len(key))
                    return int.from_bytes(self.values[8 * number : 8 * number + 8], "little")
            line = head >> 8 & INDEX
        return 0


@contextmanager
def memory(key_words: int, size: int, lines: int = 0, values: int = 0) -> Iterator[Memory]:
    plan = BucketPlan(key_words, size)
    made = Memory(plan, lines or plan.lines, values or plan.values)
    yield made
    made.close()


def entry(value: int) -> Entry:
    return Entry(b"", value.to_bytes(VALUE_BYTES, "little"), 0)


@pytest.mark.parametrize("key_words", [1, 2, 3, 9])
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 39), st.integers(1, 4), st.booleans()), max_size=120))
def test_readers_find_what_is_there(key_words: int, changes: list[tuple[int, int, int, bool]]) -> None:
    """In tables so small that buckets are continued; a word of a key is often that of another."""
    keys = [bytes((n % 7, n // 7)) + bytes(4 * key_words - 3) + bytes((n,)) for n in range(40)]
    model: dict[bytes, int] = {}
    with memory(key_words, 8, lines=64, values=50) as made:
        for kind, n, value, flush in changes:
            if kind:
                model[keys[n]] = value
                made.table.put(keys[n], entry(value))
            elif model.pop(keys[n], None) is not None:
                made.table.remove(keys[n], entry(0))
            if flush:
                made.table.flush()
        made.table.flush()
        assert {key: made.find(key) for key in keys} == {key: model.get(key, 0) for key in keys}


@pytest.mark.parametrize(
    ("key_words", "size"), [(1, 1), (1, 10), (1, 1000), (2, 1000), (4, 1000), (9, 100), (1, 50_000)]
)
def test_any_keys_up_to_the_size_fit(key_words: int, size: int) -> None:
    """With keys in sequence, as addresses are, and with random ones; after a full turn of removals too."""
    random = Random(key_words)
    for keys in (
        [n.to_bytes(4 * key_words, "big") for n in range(size)],
        [random.randbytes(4 * key_words) for _ in range(size)],
    ):
        with memory(key_words, size) as made:
            for turn in range(2):
                for n, key in enumerate(keys):
                    made.table.put(key, entry(n % 5 + turn + 1))
                made.table.flush()
                if turn == 0:
                    for key in set(keys):
                        made.table.remove(key, entry(0))
                    made.table.flush()
            last = {key: n % 5 + 2 for n, key in enumerate(keys)}
            assert {key: made.find(key) for key in keys} == last


def test_a_full_bucket_is_refused_and_nothing_is_lost() -> None:
    with memory(1, 3, lines=2 + 2, values=100) as made:
        keys = [bytes((n, 0, 0, 0)) for n in range(40)]
        written = 0
        with pytest.raises(BpfError, match="there is no room for another entry in map"):
            for key in keys:
                made.table.put(key, entry(written + 1))
                made.table.flush()
                written += 1
        assert written == 3 * made.plan.slots
        assert [made.find(key) for key in keys[: written + 1]] == [*range(1, written + 1), 0]


def test_lines_of_a_bucket_that_has_become_short_serve_others() -> None:
    with memory(1, 3, lines=2 + 2, values=100) as made:
        for turn in range(50):
            keys = [bytes((n, turn, 0, 0)) for n in range(3 * made.plan.slots)]
            for key in keys:
                made.table.put(key, entry(turn + 1))
            made.table.flush()
            assert {made.find(key) for key in keys} == {turn + 1}
            for key in keys:
                made.table.remove(key, entry(0))
            made.table.flush()
            assert {made.find(key) for key in keys} == {0}


def test_every_table_hashes_in_its_own_way() -> None:
    keys = [n.to_bytes(4, "big") for n in range(200)]
    with memory(1, 1000) as one, memory(1, 1000) as other:
        assert [one.bucket(k) for k in keys] != [other.bucket(k) for k in keys]
        used = {one.bucket(k) for k in keys}
        assert len(used) > 100, "keys in sequence are spread"


@pytest.mark.parametrize(
    ("key_bytes", "value_bytes", "size", "mebibytes"),
    [(4, 16, 1024, 0.2), (8, 16, 1024, 0.2), (4, 16, 1_000_000, 40), (8, 16, 1_000_000, 60), (36, 16, 100_000, 12),
     (40, 16, 16, None), (4, 256, 16, None), (8, 16, 1 << 24, None)],
)  # fmt: skip
def test_memory_is_in_proportion_to_the_size(
    key_bytes: int, value_bytes: int, size: int, mebibytes: float | None
) -> None:
    plan = plan_buckets(key_bytes, value_bytes, size)
    assert (plan is None) == (mebibytes is None)
    if plan is not None and mebibytes is not None:
        assert plan.bytes(value_bytes) < mebibytes * (1 << 20)


def test_a_map_without_room_is_refused() -> None:
    with pytest.raises(BundleError, match="too small for buckets"), memory(1, 100, lines=3):
        pass
