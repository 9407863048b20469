"""A directory entry as a value: the 64 bits that p4src/include/stages/directory.p4 keeps per region. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

VERSIONS = 1 << 16


class State(IntEnum):
    """States of a region: docs/coherence.md."""

    I = 0  # noqa: E741  the protocol's name
    S = 1
    M = 2
    SM_A = 3
    MS_D = 4
    MM_D = 5
    SL_A = 6
    ML_A = 7
    L = 8


class DirectoryEvent(IntEnum):
    """What a packet asks of the directory (Event in p4src/include/metadata.p4)."""

    GET_SHARED = 1
    GET_MODIFIED = 2
    UPGRADE = 3
    INVALIDATE_ACK = 4
    PUSH = 5
    PUSH_EMPTY = 6
    WRITE = 7
    DIRECT = 8
    EVICT = 9
    RESET = 10
    RECALL = 11
    COMPARE_SWAP = 12


@dataclass(frozen=True)
class Entry:
    """A region's entry. `sharers` has a bit per compute blade; `page` is the page's index in the region."""

    state: State = State.I
    sharers: int = 0
    requester: int = 0
    page: int = 0
    version: int = 0

    def pack(self) -> int:
        """The register element."""
        return self.version << 48 | self.sharers << 32 | self.page << 16 | self.requester << 8 | self.state

    @classmethod
    def unpack(cls, value: int) -> Entry:
        """The entry in a register element."""
        return cls(
            state=State(value & 0xF),
            requester=value >> 8 & 0xFF,
            page=value >> 16 & 0xFFFF,
            sharers=value >> 32 & 0xFFFF,
            version=value >> 48 & 0xFFFF,
        )

    def holders(self) -> Iterator[int]:
        """The ids of the blades in `sharers`."""
        return (blade for blade in range(16) if self.sharers >> blade & 1)

    def __str__(self) -> str:
        holders = ",".join(f"c{blade + 1}" for blade in self.holders()) or "-"
        return f"{self.state.name} sharers {holders} version {self.version}"


def lock(entry: Entry) -> Entry:
    """The locked entry after an idle one."""
    return Entry(State.L, version=(entry.version + 1) % VERSIONS)


def abandon(entry: Entry) -> Entry:
    """The locked entry after the remaining holders are given up."""
    return Entry(State.L, version=entry.version)


def newer(one: int, other: int) -> int:
    """The later of two versions, as serial numbers."""
    return one if (one - other) % VERSIONS < VERSIONS // 2 else other


def unlock(entry: Entry) -> Entry:
    """The idle entry after a lock; the version goes on, so that late packets of the past stay stale."""
    return Entry(State.I, version=entry.version)
