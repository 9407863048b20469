"""Who is primary: the rules of the specification on sequences of messages, without a server."""

from __future__ import annotations

import pytest
from finsy.proto import U128, p4r
from hypothesis import given
from hypothesis import strategies as st

from rackplane.switch.errors import Code, RequestError
from rackplane.switch.p4runtime.arbitration import Arbiter

OK, EXISTS, NONE = Code.OK, Code.ALREADY_EXISTS, Code.NOT_FOUND


def message(election_id: int | None, role: str = "") -> p4r.MasterArbitrationUpdate:
    update = p4r.MasterArbitrationUpdate(device_id=1)
    if role:
        update.role.name = role
    if election_id is not None:
        update.election_id.CopyFrom(U128.encode(election_id))
    return update


# steps: (stream, election id, or "leave") -> the notifications in order: (stream, code, highest election id)
SEQUENCES = {
    "first controller is primary": [(("a", 1), [("a", OK, 1)])],
    "lower id is a backup": [(("a", 5), [("a", OK, 5)]), (("b", 3), [("b", EXISTS, 5)])],
    "higher id takes over, backups hear first": [
        (("a", 1), [("a", OK, 1)]),
        (("b", 2), [("a", EXISTS, 2), ("b", OK, 2)]),
    ],
    "zero is an id, unset is not": [
        (("a", None), [("a", NONE, None)]),
        (("b", 0), [("a", EXISTS, 0), ("b", OK, 0)]),
    ],
    "primary leaves": [
        (("a", 2), [("a", OK, 2)]),
        (("b", 1), [("b", EXISTS, 2)]),
        (("a", "leave"), [("b", NONE, 2)]),
        (("b", 1), [("b", NONE, 2)]),
        (("b", 2), [("b", OK, 2)]),
    ],
    "primary steps down": [
        (("a", 2), [("a", OK, 2)]),
        (("b", 1), [("b", EXISTS, 2)]),
        (("a", 0), [("a", NONE, 2), ("b", NONE, 2)]),
    ],
    "backup leaves unheard": [
        (("a", 2), [("a", OK, 2)]),
        (("b", 1), [("b", EXISTS, 2)]),
        (("b", "leave"), []),
    ],
    "primary repeats itself": [
        (("a", 2), [("a", OK, 2)]),
        (("b", 1), [("b", EXISTS, 2)]),
        (("a", 2), [("a", OK, 2)]),
    ],
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_notifications(name: str) -> None:
    arbiter: Arbiter[str] = Arbiter(1, 10)
    for (stream, what), expected in SEQUENCES[name]:
        got = arbiter.leave(stream) if what == "leave" else arbiter.update(stream, message(what))
        heard = [
            (s, m.status.code, U128.decode(m.election_id) if m.HasField("election_id") else None) for s, m in got
        ]
        assert heard == expected


def test_roles_are_apart() -> None:
    arbiter: Arbiter[str] = Arbiter(1, 10)
    arbiter.update("a", message(1))
    ((_, advice),) = arbiter.update("b", message(1, "sdn"))
    assert (advice.status.code, advice.role.name) == (OK, "sdn")
    assert sorted(stream for stream, _ in arbiter.primaries()) == ["a", "b"]
    arbiter.check_write("sdn", U128.encode(1))
    with pytest.raises(RequestError) as error:
        arbiter.check_write("other", U128.encode(1))
    assert error.value.code is Code.NOT_FOUND


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 5), st.just("leave"))), max_size=30
    )
)
def test_there_is_at_most_one_primary_and_it_has_the_highest_id(steps: list[tuple[str, int | str | None]]) -> None:
    arbiter: Arbiter[str] = Arbiter(1, 10)
    live: dict[str, int | None] = {}
    highest = -1
    for stream, what in steps:
        if what == "leave":
            arbiter.leave(stream)
            live.pop(stream, None)
            continue
        assert what is None or isinstance(what, int)
        used = what is not None and any(e == what for s, e in live.items() if s != stream)
        if used:
            with pytest.raises(RequestError):
                arbiter.update(stream, message(what))
            arbiter.leave(stream)
            live.pop(stream, None)
            continue
        arbiter.update(stream, message(what))
        live[stream] = what
        highest = max(highest, -1 if what is None else what)
        primaries = [s for s in live if arbiter.is_primary(s)]
        assert primaries == [s for s, e in live.items() if e is not None and e == highest]
