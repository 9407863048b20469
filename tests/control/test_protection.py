"""Rights over ranges, and their table entries at every step of every change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.control.mind.prefixes import PAGE, Prefix, split
from rackplane.control.mind.protection import Change, Domain, Grant, Rights

PAGES = 64
changes = st.lists(
    st.tuples(st.integers(0, PAGES - 1), st.integers(1, PAGES), st.sampled_from(list(Rights))).map(
        lambda c: (c[0], min(PAGES, c[0] + c[1]), c[2])
    ),
    max_size=20,
)


def lookup(table: dict[Prefix, Rights], address: int) -> Rights:
    """Longest prefix match."""
    hits = [prefix for prefix in table if prefix.base <= address < prefix.end]
    return table[min(hits, key=lambda prefix: prefix.size)] if hits else Rights.NONE


def steps(table: dict[Prefix, Rights], change: Change) -> list[dict[Prefix, Rights]]:
    """The table after each single update."""
    states = []
    for grant in change.modify:
        assert grant.prefix in table
        table = {**table, grant.prefix: grant.rights}
        states.append(table)
    for grant in change.insert:
        assert grant.prefix not in table
        table = {**table, grant.prefix: grant.rights}
        states.append(table)
    for grant in change.delete:
        table = {prefix: rights for prefix, rights in table.items() if prefix != grant.prefix}
        states.append(table)
    return states or [table]


@given(changes)
def test_the_table_says_what_the_books_say(history: list[tuple[int, int, Rights]]) -> None:
    domain, pages = Domain(3), [Rights.NONE] * PAGES
    table: dict[Prefix, Rights] = {}
    for first, last, rights in history:
        before = list(pages)
        pages[first:last] = [rights] * (last - first)
        change = domain.protect(first * PAGE, last * PAGE, rights)
        for state in steps(table, change):
            for page in range(PAGES):
                assert lookup(state, page * PAGE) in (before[page], pages[page])
            table = state
        assert [lookup(table, page * PAGE) for page in range(PAGES)] == pages
        assert [domain.at(page * PAGE) for page in range(PAGES)] == pages
        assert table == {grant.prefix: grant.rights for grant in domain.grants()}
        lowered = {page for a, b in change.lowered for page in range(a // PAGE, b // PAGE)}
        assert lowered == {page for page in range(PAGES) if before[page] & ~pages[page]}


@given(changes)
def test_entries_are_the_fewest_for_runs_of_equal_rights(history: list[tuple[int, int, Rights]]) -> None:
    domain, pages = Domain(3), [Rights.NONE] * PAGES
    for first, last, rights in history:
        domain.protect(first * PAGE, last * PAGE, rights)
        pages[first:last] = [rights] * (last - first)
    runs, start = [], 0
    for page in range(1, PAGES + 1):
        if page == PAGES or pages[page] != pages[start]:
            runs += [(start, page)] if pages[start] else []
            start = page
    count = sum(len(list(split(a * PAGE, b * PAGE))) for a, b in runs)
    assert len(list(domain.grants())) == count


def test_neighbours_are_coalesced() -> None:
    domain = Domain(1)
    domain.protect(0, PAGE, Rights.READ)
    change = domain.protect(PAGE, 2 * PAGE, Rights.READ)
    assert change.insert == (Grant(1, Prefix(0, 2 * PAGE), Rights.READ),)
    assert change.delete == (Grant(1, Prefix(0, PAGE), Rights.READ),)
    assert change.lowered == ()


@pytest.mark.parametrize(
    ("text", "rights"),
    [("r", Rights.READ), ("w", Rights.WRITE), ("rw", Rights.READ_WRITE), ("", Rights.NONE), ("-", Rights.NONE)],
)
def test_rights_as_text(text: str, rights: Rights) -> None:
    assert Rights.parse(text) is rights
    assert str(rights) == text or "-"


@pytest.mark.parametrize("text", ["x", "wr", "rwx", "R"])
def test_no_rights(text: str) -> None:
    with pytest.raises(ValueError, match="are no rights"):
        Rights.parse(text)
