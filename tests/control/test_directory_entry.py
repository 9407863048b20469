"""Directory entries as register elements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.control.mind.directory import Entry, State, abandon, unlock

entries = st.builds(
    Entry,
    state=st.sampled_from(State),
    sharers=st.integers(0, 0xFFFF),
    requester=st.integers(0, 0xFF),
    page=st.integers(0, 0xFFFF),
    version=st.integers(0, 0xFFFF),
)


@given(entries)
def test_pack_and_unpack(entry: Entry) -> None:
    assert Entry.unpack(entry.pack()) == entry


def test_an_element_that_was_never_written_is_idle() -> None:
    assert Entry.unpack(0) == Entry(State.I)


@pytest.mark.parametrize("value", [9, 15])
def test_no_state(value: int) -> None:
    with pytest.raises(ValueError, match="State"):
        Entry.unpack(value)


@given(entries)
def test_unlocking_keeps_the_version(entry: Entry) -> None:
    for after in (unlock(entry), abandon(entry)):
        assert (after.version, after.sharers) == (entry.version, 0)


def test_text() -> None:
    assert str(Entry(State.S, 0b101, version=9)) == "S sharers c1,c3 version 9"
