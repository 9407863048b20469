"""Sizes as people write them: 4096, 64K, 256M, 2G."""

from __future__ import annotations

import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"(\d{1,15})([KMG]?)")


def parse_size(text: str) -> int:
    """Bytes; K, M and G are powers of 1024. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip().upper())
    if match is None:
        raise ValueError(f"{text!r} is no size; write for example 256M")
    return int(match.group(1)) * _UNITS[match.group(2)]
