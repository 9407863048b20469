"""The racks that are searched: small enough to see every state, different enough to meet every row of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rackplane.experiments.protocol_model.search import Found, search
from rackplane.experiments.protocol_model.table import TransitionTable
from rackplane.experiments.protocol_model.world import Access, Bounds


@dataclass(frozen=True)
class Case:
    """A rack and its name."""

    name: str
    bounds: Bounds


@dataclass(frozen=True)
class Searched:
    """A case and what its search found."""

    case: Case
    found: Found


def _program(text: str) -> tuple[Access, ...]:
    """`s0 l1`: store to page 0, then load page 1."""
    kinds = {"s": "store", "l": "load"}
    return tuple((kinds[word[0]], int(word[1:])) for word in text.split())


def _case(name: str, *programs: str, **more: int) -> Case:
    return Case(name, Bounds(tuple(_program(text) for text in programs), **more))


QUICK = (
    _case("two writers", "s0", "s0", hurries=0),
    _case("two that read and then write", "l0 s0", "l0 s0", hurries=0),
    _case("two pages of one region", "s0", "s1", hurries=0),
    _case("a recalled writer", "s0", "l0", hurries=0, recalls=1),
)
"""Seconds."""

DEEP = (
    *QUICK,
    _case("two writers in a hurry", "s0", "s0", hurries=1),
    _case("a writer that evicts", "s0 l0", "s0", hurries=0, evictions=1),
    _case("a reader that evicts", "l0 s0", "s0", hurries=0, evictions=1),
    _case("two pages, read and written crosswise", "s0 l1", "s1 l0", hurries=0),
    _case("a packet comes twice", "s0", "l0", hurries=0, repeats=1),
    _case("a packet comes twice to two writers", "s0", "s0", hurries=0, repeats=1),
    _case("a packet is lost", "s0", "l0 s0", hurries=0, losses=1),
    _case("two packets are lost", "s0", "l0", hurries=0, losses=2),
    _case("recalled while two upgrade", "l0 s0", "l0 s0", hurries=0, recalls=1),
    _case("recalled and evicted", "s0", "l0", hurries=0, recalls=1, evictions=1),
    _case("recalled on a bad link", "s0", "l0", hurries=0, recalls=1, losses=1),
    _case("three: readers and a writer", "l0", "l0", "s0", hurries=0),
    _case("three: two writers and a reader", "s0", "l0", "s0", hurries=0),
)
"""Minutes."""


def check(
    table: TransitionTable,
    cases: tuple[Case, ...],
    most_states: int,
    on_case: Callable[[Searched], None] = lambda _: None,
) -> list[Searched]:
    """Search the cases in turn, up to the first fault."""
    results = []
    for case in cases:
        results.append(Searched(case, search(table, case.bounds, most_states)))
        on_case(results[-1])
        if results[-1].found.fault:
            break
    return results
