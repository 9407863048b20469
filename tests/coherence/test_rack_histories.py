"""Blades that hammer the same pages never see a stale word, lose a store or a swap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from history import Operation, check, operations_of
from racks import SharedRange, around_the_model, around_the_switch

pytestmark = pytest.mark.root

WORDS_OF_A_PAGE = (0, 8, 1016, 4088)


@contextmanager
def shared(kind: str, blades: int, scratch: Path, **settings: Any) -> Iterator[SharedRange]:  # noqa: ANN401
    rack = (
        around_the_model(blades, **settings)
        if kind == "model"
        else around_the_switch(blades, scratch=scratch, **settings)
    )
    with rack as memory:
        yield memory


def hammered(memory: SharedRange, operations: int, seed: int) -> list[Operation]:
    """What all blades saw of words in all pages, at once."""
    words = [memory.va + page * 4096 + place for page in range(memory.pages) for place in WORDS_OF_A_PAGE]
    start_at = time.monotonic() + 0.2
    running = [
        blade.start(
            "hammer",
            blade=number,
            words=words,
            operations=operations,
            seed=seed * 100 + number,
            start_at=start_at,
            pause_us=30.0,
        )
        for number, blade in enumerate(memory.blades)
    ]
    return operations_of(future.result() for future in running)


@pytest.mark.parametrize("lossy", [False, True], ids=["clean", "lossy"])
@pytest.mark.parametrize(
    ("blades", "pages", "region_log2", "cache_pages"),
    [(2, 2, 12, 64), (2, 32, 14, 16), (4, 4, 13, 64), (4, 128, 14, 16)],
)
@pytest.mark.parametrize(("kind", "operations"), [("model", 150), ("xdp", 2000)])
def test_histories_are_coherent(  # noqa: PLR0917
    kind: str,
    operations: int,
    blades: int,
    pages: int,
    region_log2: int,
    cache_pages: int,
    lossy: bool,
    tmp_path: Path,
) -> None:
    options = {"cache_bytes": cache_pages * 4096}
    with shared(
        kind, blades, tmp_path, pages=pages, region_log2=region_log2, options=options, lossy=lossy
    ) as memory:
        history = hammered(memory, operations, seed=blades)
        assert check(history) == []
        stats = [blade.do("stats") for blade in memory.blades]
    assert sum(op.writes for op in history) > operations * blades // 5
    assert sum(blade["invalidations"] for blade in stats) > 0
    assert sum(blade["failures"] for blade in stats) == 0
    if lossy:
        assert sum(blade["retransmissions"] for blade in stats) > 0
    if cache_pages < pages:
        assert sum(blade["evictions"] for blade in stats) > 0
