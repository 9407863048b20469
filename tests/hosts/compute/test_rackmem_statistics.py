"""Histograms of latencies: close to exact, whatever is counted."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.hosts.compute.library import BUCKETS, COUNTERS, HistogramStruct, StatsStruct, load_library
from rackplane.hosts.compute.statistics import BladeStats, latency_of, snapshot

LIBRARY = load_library()
LIBRARY.histogram_bucket.restype = ctypes.c_uint32
LIBRARY.histogram_bucket.argtypes = (ctypes.c_uint64,)
LIBRARY.histogram_limit.restype = ctypes.c_uint64
LIBRARY.histogram_limit.argtypes = (ctypes.c_uint32,)
LIBRARY.histogram_add.argtypes = (ctypes.c_void_p, ctypes.c_uint64)
LARGEST = LIBRARY.histogram_limit(BUCKETS - 1)


@given(st.integers(0, LARGEST))
def test_a_bucket_is_a_sixteenth_of_a_power_of_two(value: int) -> None:
    bucket = LIBRARY.histogram_bucket(value)
    highest = LIBRARY.histogram_limit(bucket)
    lowest = LIBRARY.histogram_limit(bucket - 1) + 1 if bucket else 0
    assert lowest <= value <= highest
    assert highest - lowest <= lowest / 16


@pytest.mark.parametrize("value", [LARGEST + 1, 2**64 - 1])
def test_the_last_bucket_has_the_rest(value: int) -> None:
    assert LIBRARY.histogram_bucket(value) == BUCKETS - 1


@given(st.lists(st.integers(0, 2**36), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantiles(values: list[int], fraction: float) -> None:
    histogram = HistogramStruct()
    for value in values:
        LIBRARY.histogram_add(ctypes.byref(histogram), value)
    rank = max(1, -(-len(values) * fraction // 1))
    exact = sorted(values)[int(rank) - 1]
    found = LIBRARY.rackmem_quantile(ctypes.byref(histogram), fraction)
    assert exact <= found <= exact * 17 / 16 + 1
    latency = latency_of(histogram, LIBRARY)
    assert (latency.count, latency.max_us) == (len(values), max(values) / 1000)


def test_nothing_counted() -> None:
    assert snapshot(StatsStruct(), LIBRARY) == BladeStats()


def test_every_counter_is_copied() -> None:
    struct = StatsStruct(*range(1, len(COUNTERS) + 1))
    stats = snapshot(struct, LIBRARY)
    assert [getattr(stats, name) for name in COUNTERS] == list(range(1, len(COUNTERS) + 1))
    assert stats.faults == 1 + 2 + 3
