"""What the switch counted and what the directory holds, with names. Pure but for the reading of counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from enum import IntEnum
from typing import cast

import finsy as fy

from rackplane.control.mind.directory import DirectoryEvent, Entry, State
from rackplane.control.mind.entries import REASONS, TRANSITIONS


class Reason(IntEnum):
    """Why a packet was not carried out (Reason in p4src/include/metadata.p4)."""

    TRUNCATED = 1
    BAD_IP_HEADER = 2
    BAD_IP_CHECKSUM = 3
    BAD_LENGTH = 4
    SHORT_PAYLOAD = 5
    BAD_SEGMENT = 6
    UNKNOWN_OPCODE = 7
    UNKNOWN_PORT = 8
    NOT_FOR_RACK = 9
    UNKNOWN_BLADE = 10
    UNKNOWN_HOST = 11
    BAD_PACKET_OUT = 12
    STALE_ACK = 13
    AWAITS_PUSH = 14
    STALE_PUSH_EMPTY = 15
    NO_REGION = 16
    NO_ADDRESS = 17
    NO_RIGHT = 18
    NOT_COHERENT = 19
    NOT_DIRECT = 20
    STALE_PUSH = 21
    BUSY = 22
    LOST_COPY = 23
    LOCKED = 24


async def read_reasons(switch: fy.Switch) -> dict[str, int]:
    """Packets by the reason for which they were dropped or refused; reasons that occurred."""
    packets = await _read_counter(switch, REASONS)
    return {reason.name: packets[reason] for reason in Reason if packets.get(reason)}


async def read_transitions(switch: fy.Switch) -> dict[str, int]:
    """Packets by event and the state they met, as 'GET_SHARED in M'; those that occurred."""
    packets = await _read_counter(switch, TRANSITIONS)
    return {
        f"{event.name} in {state.name}": packets[event << 4 | state]
        for event in DirectoryEvent
        for state in State
        if packets.get(event << 4 | state)
    }


def summarize(entries: Iterable[Entry]) -> dict[str, int]:
    """Regions by state; states that occur."""
    counts = Counter(entry.state for entry in entries)
    return {state.name: counts[state] for state in State if counts[state]}


async def _read_counter(switch: fy.Switch, name: str) -> dict[int, int]:
    entities = cast("AsyncIterator[fy.P4CounterEntry]", switch.read(fy.P4CounterEntry(name)))
    return {cast(int, e.index): e.data.packet_count async for e in entities if e.data is not None}
