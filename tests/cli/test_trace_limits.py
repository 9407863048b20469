"""When a trace ends: after so many packets with their copies, or by the time at which packets came."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

import pytest

from rackplane.cli.trace import Limits
from rackplane.compiler.backend.tracesites import TraceSites

SITES = TraceSites(())
FAR = 1e6
SECOND = 1_000_000_000


def record(number: int, parent: int = 0, after: float = 0.0) -> bytes:
    """A record without events, of a packet that came `after` seconds from now."""
    when = time.monotonic_ns() + int(after * SECOND)
    return struct.pack("<QQQIIIiII", number, parent, when, 8, 2, 60, 4, 3, int(parent > 0)) + bytes(8)


@dataclass
class Batches:
    """A trace that gives these batches, then nothing."""

    left: list[list[bytes]]

    def receive(self, timeout: float) -> list[bytes]:
        return self.left.pop(0) if self.left else []


@pytest.mark.parametrize(
    ("batches", "limits", "expected"),
    [
        ([[record(1), record(2)], [record(3)]], Limits(count=2), [1, 2]),
        ([[record(1), record(2, 1)], [record(3, 2), record(4)]], Limits(count=1), [1, 2, 3]),
        ([[record(1), record(2), record(3, 2)]], Limits(count=1), [1]),
        ([[record(1)], [], [record(2)]], Limits(count=2), [1, 2]),
        ([[record(1)], [record(2, after=FAR)], [record(3)]], Limits(seconds=0.001), [1]),
        ([[record(1, after=-1)], [record(2, after=-1)]], Limits(seconds=0.001), [1, 2]),
        ([], Limits(seconds=0.001), []),
    ],
    ids=["count", "copies of the last", "copies of others", "a pause", "late ones", "old ones", "none"],
)
def test_records_until_the_end(batches: list[list[bytes]], limits: Limits, expected: list[int]) -> None:
    assert [r.id for r in limits.apply(Batches(batches), SITES)] == expected
