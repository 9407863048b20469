"""The checker itself: it accepts what a shared memory can do and sees each thing that it can not."""

from __future__ import annotations

import pytest
from history import Operation, check
from hypothesis import given
from hypothesis import strategies as st

Step = tuple[int, str, int | None, int, int, int]
"""Blade, kind, expected, value, begin, end."""


def history(steps: list[Step], word: int = 8) -> list[Operation]:
    return [
        Operation(blade, i, kind, word, expected, value, begin, end)
        for i, (blade, kind, expected, value, begin, end) in enumerate(steps)
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """What blades see of words that really are shared: each operation happens at one moment within its times."""
    memory = {0: 0, 8: 0}
    free_at = dict.fromkeys(range(4), 0)
    operations: list[Operation] = []
    now = 0
    for number in range(1, draw(st.integers(1, 40)) + 1):
        now += draw(st.integers(1, 5))
        blade = draw(st.integers(0, 3))
        word = draw(st.sampled_from([0, 8]))
        begin = draw(st.integers(min(free_at[blade], now), now))
        end = now + draw(st.integers(0, 10))
        now = max(now, free_at[blade])
        end = max(end, now)
        free_at[blade] = end
        kind = draw(st.sampled_from(["load", "store", "cas"]))
        expected = memory[word] if kind == "cas" else None
        if kind != "load":
            memory[word] = number
        operations.append(Operation(blade, number, kind, word, expected, memory[word], begin, end))
    return operations


@given(histories())
def test_a_shared_memory_is_accepted(operations: list[Operation]) -> None:
    assert check(operations) == []


GOOD: list[tuple[str, list[Step]]] = [
    ("nothing written", [(0, "load", None, 0, 0, 1)]),
    ("overlapping operations in any order", [(0, "store", None, 1, 0, 10), (1, "load", None, 0, 5, 6)]),
    ("a chain of swaps", [(0, "cas", 0, 1, 0, 1), (1, "cas", 1, 2, 2, 3), (0, "load", None, 2, 4, 5)]),
]


@pytest.mark.parametrize("steps", [steps for _, steps in GOOD], ids=[name for name, _ in GOOD])
def test_possible(steps: list[Step]) -> None:
    assert check(history(steps)) == []


BAD: list[tuple[str, str, list[Step]]] = [
    ("made up", "seen and never written", [(0, "load", None, 7, 0, 1)]),
    ("from the future", "before its store", [(0, "load", None, 1, 0, 1), (1, "store", None, 1, 5, 6)]),
    (
        "stale load",
        "came and went|each seen after",
        [
            (0, "store", None, 1, 0, 1),
            (0, "store", None, 2, 2, 3),
            (1, "load", None, 1, 4, 5),
            (1, "load", None, 2, 6, 7),
        ],
    ),
    (
        "stale initial value",
        "came and went|each seen after",
        [(0, "store", None, 1, 0, 1), (1, "load", None, 0, 2, 3)],
    ),
    (
        "lost store",
        "came and went|each seen after",
        [(0, "store", None, 1, 0, 1), (1, "store", None, 2, 2, 3), (0, "load", None, 1, 4, 5)],
    ),
    (
        "reads that go back",
        "no order of writes",
        [
            (0, "store", None, 1, 0, 100),
            (0, "store", None, 2, 0, 100),
            (1, "load", None, 2, 0, 100),
            (1, "load", None, 1, 0, 100),
        ],
    ),
    (
        "blades that disagree",
        "no order of writes",
        [
            (0, "store", None, 1, 0, 100),
            (1, "store", None, 2, 0, 100),
            (2, "load", None, 1, 0, 100),
            (2, "load", None, 2, 0, 100),
            (3, "load", None, 2, 0, 100),
            (3, "load", None, 1, 0, 100),
        ],
    ),
    (
        "lost swap",
        "one is lost",
        [(0, "cas", 0, 1, 0, 100), (1, "cas", 0, 2, 0, 100)],
    ),
    (
        "something in the middle of a swap",
        "no order of writes|swaps put before",
        [
            (0, "store", None, 1, 0, 100),
            (0, "cas", 1, 2, 0, 100),
            (1, "store", None, 3, 0, 100),
            (2, "load", None, 1, 0, 100),
            (2, "load", None, 3, 0, 100),
            (2, "load", None, 2, 0, 100),
        ],
    ),
    (
        "back in a chain of swaps",
        "swaps put before",
        [(0, "cas", 0, 1, 0, 100), (1, "load", None, 1, 0, 100), (1, "load", None, 0, 0, 100)],
    ),
]


@pytest.mark.parametrize(("says", "steps"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_impossible(says: str, steps: list[Step]) -> None:
    violations = check(history(steps))
    assert violations
    assert any(part in violation.what for violation in violations for part in says.split("|")), violations


@given(histories(), st.data())
def test_a_changed_load_is_seen(operations: list[Operation], data: st.DataObject) -> None:
    """A load of what was overwritten before the load began, by a store that the loading blade had seen."""
    word = operations[0].word
    own = [op for op in operations if op.word == word]
    end = max(op.end for op in operations)
    writes = [op for op in own if op.writes]
    if len(writes) < 2:
        return
    stale = data.draw(st.sampled_from(writes[:-1])).value
    last = writes[-1].value
    tail = [
        Operation(0, 1000, "load", word, None, last, end + 1, end + 2),
        Operation(0, 1001, "load", word, None, stale, end + 3, end + 4),
    ]
    assert check([*operations, *tail])
