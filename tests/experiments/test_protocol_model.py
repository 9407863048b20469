"""The coherence protocol holds in every state of small racks, and a table with one wrong row does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rackplane.experiments.protocol_model.search import search
from rackplane.experiments.protocol_model.suite import QUICK, Case, check
from rackplane.experiments.protocol_model.table import (
    Row,
    TableError,
    TransitionTable,
    mutations,
    read_table,
)
from rackplane.topologies.mind import PROGRAM

MOST = 40_000


@pytest.fixture(scope="module")
def table() -> TransitionTable:
    return read_table(PROGRAM)


@pytest.mark.parametrize("case", QUICK, ids=[case.name for case in QUICK])
def test_the_protocol_holds(table: TransitionTable, case: Case) -> None:
    found = search(table, case.bounds, MOST)
    assert (found.fault, found.steps, found.complete) == ("", (), True)
    assert found.states > 500, "the model moves"


# event, state, a word of the row's conditions, what is changed
WRONG = [
    ("GET_SHARED", "I", (), {"sharers": "KEEP"}),
    ("GET_SHARED", "S", (), {"sharers": "SENDER"}),
    ("GET_SHARED", "M", (0,), {"reply": "FORWARD", "next": "S"}),
    ("GET_MODIFIED", "I", (), {"next": "S"}),
    ("GET_MODIFIED", "S", (None, 1), {"next": "M"}),
    ("GET_MODIFIED", "S", (None, 1), {"pending": False}),
    ("GET_MODIFIED", "M", (0,), {"increment": 0}),
    ("GET_MODIFIED", "M", (0,), {"begins": False}),
    ("UPGRADE", "S", (1, 1), {"reply": "GRANT_BACK", "next": "M"}),
    ("INVALIDATE_ACK", "MM_D", (1,), {"next": "S"}),
    ("INVALIDATE_ACK", "MS_D", (1,), {"sharers": "KEEP"}),
    ("PUSH", "MM_D", (1,), None),
    ("WRITE", "ML_A", (1,), None),
    ("RECALL", "M", (), {"next": "L"}),
]


@pytest.mark.parametrize(
    ("event", "state", "conditions", "changes"),
    WRONG,
    ids=[f"{e} {s} {list(c or ['missing'])}" for e, s, _, c in WRONG],
)
def test_one_wrong_row_is_found(
    table: TransitionTable,
    event: str,
    state: str,
    conditions: tuple[int | None, ...],
    changes: dict[str, object] | None,
) -> None:
    index = next(n for n, row in enumerate(table.rows) if _is(row, event, state, conditions))
    row = table.rows[index]
    wrong = None if changes is None else replace(row, outcome=replace(row.outcome, **changes))
    results = check(table.with_row(index, wrong), QUICK, MOST)
    assert results[-1].found.fault, "the search did not notice"
    assert results[-1].found.steps


def _is(row: Row, event: str, state: str, conditions: tuple[int | None, ...]) -> bool:
    return (row.event, row.state) == (event, state) and row.conditions[: len(conditions)] == conditions


def test_mutations_change_one_row_each(table: TransitionTable) -> None:
    names = [name for name, _ in mutations(table)]
    assert len(names) == len(set(names)) > 5 * len(table.rows)
    for _, mutated in mutations(table):
        differing = set(mutated.rows) ^ set(table.rows)
        assert 1 <= len(differing) <= 2


def test_another_program_is_refused() -> None:
    with pytest.raises(TableError, match="has no table MindIngress"):
        read_table(PROGRAM.with_name("l2.p4"))
