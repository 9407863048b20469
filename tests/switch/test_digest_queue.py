"""Digest lists without a switch: when a list is sent, what counts as a duplicate, and when it no longer does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.switch import digestqueue
from rackplane.switch.digestqueue import DigestConfig, DigestQueue

# (what, config (max timeout, list size, ack timeout), steps, lists that come of them)
# A step is (time, message), (time, None) for a tick or (time, list id) for an acknowledgement.
CASES: list[tuple[str, tuple[int, int, int], list[tuple[int, str | int | None]], list[tuple[int, str]]]] = [
    ("no timeout: at once", (0, 0, 0), [(1, "a"), (2, "b")], [(1, "a"), (2, "b")]),
    ("size one: at once", (100, 1, 0), [(1, "a"), (2, "a")], [(1, "a"), (2, "a")]),
    ("full list", (100, 3, 0), [(1, "a"), (2, "b"), (3, "c"), (4, "d")], [(1, "abc")]),
    ("duplicates do not fill a list", (100, 2, 0), [(1, "a"), (2, "a"), (3, "a")], []),
    ("timeout of the first message", (10, 0, 0), [(1, "a"), (9, "b"), (10, None), (11, None)], [(1, "ab")]),
    ("nothing waits", (10, 0, 0), [(50, None)], []),
    ("not acknowledged", (0, 0, 100), [(1, "a"), (2, "a"), (100, "a")], [(1, "a")]),
    ("acknowledged", (0, 0, 100), [(1, "a"), (2, 1), (3, "a")], [(1, "a"), (2, "a")]),
    ("another list acknowledged", (0, 0, 100), [(1, "a"), (2, 7), (3, "a")], [(1, "a")]),
    ("given up", (0, 0, 100), [(1, "a"), (101, "a")], [(1, "a"), (2, "a")]),
    ("no ack timeout", (0, 0, 0), [(1, "a"), (1, "a")], [(1, "a"), (2, "a")]),
    (
        "each list has its time",
        (0, 0, 10),
        [(0, "a"), (5, "b"), (10, "a"), (10, "b")],
        [(1, "a"), (2, "b"), (3, "a")],
    ),
]


def run(
    config: tuple[int, int, int], steps: list[tuple[int, str | int | None]]
) -> tuple[DigestQueue, list[tuple[int, str]]]:
    queue, sent = DigestQueue(DigestConfig(*config)), []
    for now, step in steps:
        if isinstance(step, int):
            queue.acknowledge(step)
            continue
        batch = queue.tick(now) if step is None else queue.add(step.encode(), now)
        if batch:
            sent.append((batch.list_id, b"".join(batch.messages).decode()))
    return queue, sent


@pytest.mark.parametrize(("what", "config", "steps", "lists"), CASES, ids=[c[0] for c in CASES])
def test_lists(
    what: str,
    config: tuple[int, int, int],
    steps: list[tuple[int, str | int | None]],
    lists: list[tuple[int, str]],
) -> None:
    assert run(config, steps)[1] == lists


@pytest.mark.parametrize(
    ("config", "steps", "deadline"),
    [
        ((10, 0, 0), [], None),
        ((10, 0, 0), [(5, "a"), (6, "b")], 15),
        ((0, 0, 100), [(5, "a")], 105),
        ((10, 0, 100), [(5, "a"), (15, None), (20, "b")], 30),
        ((0, 0, 100), [(5, "a"), (6, 1)], None),
    ],
)
def test_deadline(
    config: tuple[int, int, int], steps: list[tuple[int, str | int | None]], deadline: int | None
) -> None:
    assert run(config, steps)[0].deadline() == deadline


def test_a_new_controller_hears_everything_again() -> None:
    queue, _ = run((0, 0, 100), [(1, "a")])
    queue.forget()
    batch = queue.add(b"a", 2)
    assert batch is not None
    assert batch.list_id == 2


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digestqueue, "MAX_UNACKED", 4)
    queue = DigestQueue(DigestConfig(0, 0, 1000))
    for n in range(6):
        queue.add(bytes([n]), n)
    assert queue.add(bytes([5]), 9) is None, "still remembered"
    assert queue.add(bytes([0]), 9) is not None, "the oldest was given up"


STEPS = st.lists(
    st.tuples(st.integers(0, 9), st.one_of(st.none(), st.sampled_from("abcdef"), st.integers(1, 6))), max_size=40
)


@given(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 20)), STEPS)
def test_no_duplicate_before_its_ack_or_its_time(
    config: tuple[int, int, int], steps: list[tuple[int, str | int | None]]
) -> None:
    """Against the definition: a sent message comes again only after its list's ack or ack timeout."""
    queue, now = DigestQueue(DigestConfig(*config)), 0
    open_lists: dict[int, tuple[int, set[bytes]]] = {}
    for after, step in steps:
        now += after
        if isinstance(step, int):
            queue.acknowledge(step)
            open_lists.pop(step, None)
            continue
        open_lists = {n: (at, m) for n, (at, m) in open_lists.items() if now - at < config[2]}
        batch = queue.tick(now) if step is None else queue.add(step.encode(), now)
        if batch is None:
            continue
        messages = set(batch.messages)
        assert 0 < len(messages) == len(batch.messages)
        assert not config[1] or len(messages) <= config[1]
        assert all(not messages & earlier for _, earlier in open_lists.values())
        open_lists[batch.list_id] = (now, messages)
    due = queue.deadline()
    if due is not None:
        queue.tick(due)
        later = queue.deadline()
        assert later is None or later > due or config[0] == 0
