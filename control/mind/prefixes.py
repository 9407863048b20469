"""Address ranges as power-of-two prefixes: what an LPM table can hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ADDRESS_BITS = 64
PAGE = 4096


@dataclass(frozen=True, order=True)
class Prefix:
    """The addresses from `base` to `base + size - 1`; size is a power of two and divides base."""

    base: int
    size: int

    def __post_init__(self) -> None:
        """Check size and alignment. Raises ValueError."""
        if not is_power_of_two(self.size) or self.size > 1 << ADDRESS_BITS:
            raise ValueError(
                f"a prefix of {self.size} bytes: the size must be a power of two up to 2^{ADDRESS_BITS}"
            )
        if self.base % self.size or not 0 <= self.base < 1 << ADDRESS_BITS:
            raise ValueError(f"a prefix of {self.size:#x} bytes cannot start at {self.base:#x}")

    @property
    def length(self) -> int:
        """Prefix length in bits, as an LPM entry has it."""
        return ADDRESS_BITS - self.size.bit_length() + 1

    @property
    def end(self) -> int:
        """The first address behind."""
        return self.base + self.size

    def __str__(self) -> str:
        return f"{self.base:#x}/{self.length}"


def is_power_of_two(value: int) -> bool:
    """Whether value is 1, 2, 4, ..."""
    return value > 0 and value & (value - 1) == 0


def round_up_to_power_of_two(value: int) -> int:
    """The least power of two that is at least value (value > 0)."""
    return 1 << (value - 1).bit_length()


def round_up(value: int, unit: int) -> int:
    """The least multiple of unit that is at least value."""
    return -(-value // unit) * unit


def split(start: int, end: int) -> Iterator[Prefix]:
    """The fewest prefixes that cover start..end-1 exactly, in address order (MIND, section 4.2).

    Greedy by alignment is optimal: the largest aligned block at `start` that fits is a maximal dyadic interval of
    the range, and every exact cover has to contain a subset of it at that place.
    """
    while start < end:
        aligned = start & -start if start else 1 << ADDRESS_BITS
        fits = 1 << ((end - start).bit_length() - 1)
        size = min(aligned, fits)
        yield Prefix(start, size)
        start += size
