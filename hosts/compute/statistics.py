"""What a compute blade has done, as values."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field

from rackplane.hosts.compute.library import COUNTERS, HistogramStruct, StatsStruct


@dataclass(frozen=True)
class Latency:
    """Durations in microseconds; p50 and p99 are exact to a sixteenth of their power of two."""

    count: int = 0
    mean_us: float = 0.0
    p50_us: float = 0.0
    p99_us: float = 0.0
    max_us: float = 0.0


@dataclass(frozen=True)
class BladeStats:
    """Counts since the context was opened. include/rackmem.h says what each one counts."""

    read_faults: int = 0
    write_faults: int = 0
    upgrade_faults: int = 0
    fills: int = 0
    upgrades: int = 0
    invalidations: int = 0
    false_invalidations: int = 0
    write_backs: int = 0
    pushes: int = 0
    empty_pushes: int = 0
    evictions: int = 0
    releases: int = 0
    retransmissions: int = 0
    receiver_not_ready: int = 0
    stale: int = 0
    voided: int = 0
    refused: int = 0
    failures: int = 0
    resets: int = 0
    malformed: int = 0
    unexpected: int = 0
    send_errors: int = 0
    ring_drops: int = 0
    local_faults: int = 0
    reads: int = 0
    writes: int = 0
    atomics: int = 0
    cached_pages: int = 0
    dirty_pages: int = 0
    fault: Latency = field(default_factory=Latency)
    """From the moment the pager sees a fault to the page's installation."""
    read: Latency = field(default_factory=Latency)
    """Explicit reads of at most 1024 bytes."""

    @property
    def faults(self) -> int:
        """Loads and stores that had to wait."""
        return self.read_faults + self.write_faults + self.upgrade_faults


def latency_of(histogram: HistogramStruct, library: ctypes.CDLL) -> Latency:
    """The figures of a histogram of nanoseconds."""

    def quantile(fraction: float) -> float:
        return float(library.rackmem_quantile(ctypes.byref(histogram), fraction)) / 1000

    count = int(histogram.count)
    return Latency(
        count=count,
        mean_us=histogram.sum / count / 1000 if count else 0.0,
        p50_us=quantile(0.5),
        p99_us=quantile(0.99),
        max_us=histogram.max / 1000,
    )


def snapshot(stats: StatsStruct, library: ctypes.CDLL) -> BladeStats:
    """A copy of counters that go on counting."""
    return BladeStats(
        **{name: int(getattr(stats, name)) for name in COUNTERS},
        fault=latency_of(stats.fault_ns, library),
        read=latency_of(stats.read_ns, library),
    )
