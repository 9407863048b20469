"""Loads, stores and compare-and-swaps on shared words, and the times between which each took place."""

from __future__ import annotations

import ctypes
import random
import time
from typing import Any, Protocol


class Memory(Protocol):
    """What the hammer needs of a RackMemory."""

    def cas(self, va: int, compare: int, swap: int) -> int: ...


def word_at(va: int) -> memoryview:
    """Eight bytes that are loaded and stored whole. (A ctypes integer reads before it writes.)"""
    return memoryview((ctypes.c_char * 8).from_address(va)).cast("B").cast("Q")


def hammer(
    memory: Memory,
    *,
    blade: int,
    words: list[int],
    operations: int,
    seed: int,
    store_share: float = 0.3,
    cas_share: float = 0.1,
    start_at: float = 0.0,
    pause_us: float = 0.0,
) -> list[list[Any]]:
    """The history of one blade: [blade, sequence, kind, word, expected, value, begin, end] for each operation.

    Every value that is written is unique: sequence number * 256 + blade + 1, so 0 is what was there at first.
    `start_at` is a moment of time.monotonic() at which all blades begin.
    """
    choice = random.Random(seed)
    history: list[list[Any]] = []
    while time.monotonic() < start_at:
        time.sleep(0.0005)
    for sequence in range(1, operations + 1):
        va = choice.choice(words)
        cell = word_at(va)
        new = sequence * 256 + blade + 1
        dice = choice.random()
        begin = time.monotonic_ns()
        if dice < store_share:
            cell[0] = new
            record = ["store", va, None, new]
        elif dice < store_share + cas_share:
            expected = cell[0]
            middle = time.monotonic_ns()
            history.append([blade, sequence * 2, "load", va, None, expected, begin, middle])
            begin = middle
            found = memory.cas(va, expected, new)
            record = ["cas", va, expected, new] if found == expected else ["load", va, None, found]
        else:
            record = ["load", va, None, cell[0]]
        history.append([blade, sequence * 2 + 1, *record, begin, time.monotonic_ns()])
        if pause_us:
            time.sleep(choice.random() * pause_us / 1e6)
    return history
