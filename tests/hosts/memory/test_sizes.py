"""Sizes as people write them."""

from __future__ import annotations

import pytest

from rackplane.hosts.memory.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("4096", 4096), ("64K", 65536), ("64k", 65536), (" 256M ", 1 << 28), ("2G", 2 << 30)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1", "1.5G", "1T", "1 M", "0x10", "1" * 16])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size; write for example 256M"):
        parse_size(text)
