"""Ranges as prefixes: a mask-group table can only look up value and mask."""

from __future__ import annotations


def prefixes(low: int, high: int, width: int) -> list[tuple[int, int]]:
    """Return the fewest (value, mask) pairs that together match low..high and nothing else.

    At most 2 * width - 2 pairs (one pair for the whole range of values).
    """
    full = (1 << width) - 1
    pairs: list[tuple[int, int]] = []
    while low <= high:
        free = (low & -low).bit_length() - 1 if low else width
        while (1 << free) - 1 > high - low:
            free -= 1
        pairs.append((low, full & ~((1 << free) - 1)))
        low += 1 << free
    return pairs
