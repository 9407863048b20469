"""Cutting a run of bytes into loads and stores."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rackplane.compiler.backend.structure import pieces_of


@given(st.integers(0, 64), st.integers(0, 300))
def test_pieces_cover_every_byte_once(start: int, size: int) -> None:
    covered = [
        start + n for begin, part in pieces_of(start, size) for n in range(begin - start, begin - start + part)
    ]
    assert covered == list(range(start, start + size))
