"""Parser value sets: which state packets reach, and what the control plane may write."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from program_lab import Lab, canonical

from rackplane.switch.errors import Code
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.reconcile import carry_over

pytestmark = pytest.mark.root

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
ONE, TYPED, TWO, PAIRED, MIXED, SMALL, WIDE, WIDE_ANY, NOWHERE = 1, 2, 3, 4, 5, 6, 7, 8, 0xFF
ALL = (1 << 128) - 1

Field = int | tuple[str, int, int]
"""An exact value, or a kind with its two numbers."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with Lab("value_sets") as lab:
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """The program with every set empty."""
    yield shared
    for name in ("types", "pairs", "mixed", "small", "wides"):
        shared.modify(value_set(shared, name))


def value_set(lab: Lab, name: str, *members: dict[int, Field]) -> p4r.Entity:
    entity = p4r.Entity()
    entity.value_set_entry.value_set_id = lab.id(name)
    for fields in members:
        added = entity.value_set_entry.members.add()
        for number, value in fields.items():
            _fill(added.match.add(field_id=number), value)
    return entity


def _fill(match: p4r.FieldMatch, value: Field) -> None:
    if isinstance(value, int):
        match.exact.value = canonical(value)
        return
    kind, first, second = value
    if kind == "ternary":
        match.ternary.value, match.ternary.mask = canonical(first), canonical(second)
    elif kind == "range":
        match.range.low, match.range.high = canonical(first), canonical(second)
    elif kind == "lpm":
        match.lpm.value, match.lpm.prefix_len = canonical(first), second
    else:
        match.optional.value = canonical(first)


def state(lab: Lab, *, type_: int = 0, src: int = 0, kind: int = 0, wide: int = 0, low: int = 0, high: int = 0,
          number: int = 0) -> int:  # fmt: skip
    head = bytes(6) + src.to_bytes(6, "big") + type_.to_bytes(2, "big") + bytes([kind]) + wide.to_bytes(16, "big")
    frame = head + bytes([low << 3 | high]) + number.to_bytes(2, "big") + b"\xee" + bytes(20)
    return (lab.run(frame) or b"")[34]


def test_sets_are_empty_at_first(lab: Lab) -> None:
    assert [state(lab, type_=n) for n in (1, 2, 3)] == [ONE, TWO, NOWHERE]
    assert state(lab, kind=7) == NOWHERE


def test_exact_members_of_one_field(lab: Lab) -> None:
    lab.modify(value_set(lab, "types", {1: 0x22F3}, {1: 0x893B}, {1: 0}))
    assert [state(lab, type_=n) for n in (0x22F3, 0x893B, 0, 1, 5)] == [TYPED, TYPED, TYPED, ONE, NOWHERE]
    lab.modify(value_set(lab, "types", {1: 5}, {1: 1}))
    assert [state(lab, type_=n) for n in (0x22F3, 0, 1, 5)] == [NOWHERE, NOWHERE, ONE, TYPED]
    lab.modify(value_set(lab, "types"))
    assert state(lab, type_=5) == NOWHERE


def test_exact_members_of_two_fields(lab: Lab) -> None:
    lab.modify(value_set(lab, "pairs", {1: 2, 2: 0}, {2: 0xABCDEF012345, 1: 9}))
    cases = [((2, 0), TWO), ((9, 0xABCDEF012345), PAIRED), ((9, 0), NOWHERE), ((2, 0xABCDEF012345), NOWHERE)]
    for (type_, src), wanted in cases:
        assert state(lab, type_=type_, src=src) == wanted


MIXED_CASES: list[tuple[dict[int, Field], dict[str, int], bool]] = [
    ({1: 4}, {"kind": 4, "wide": 77, "src": 9}, True),
    ({1: 4}, {"kind": 5}, False),
    ({1: 4, 2: ("ternary", 0x0100, 0x0F00)}, {"kind": 4, "number": 0xF1FF}, True),
    ({1: 4, 2: ("ternary", 0x0100, 0x0F00)}, {"kind": 4, "number": 0xF2FF}, False),
    ({1: 4, 3: ("range", 5, 1 << 100)}, {"kind": 4, "wide": 5}, True),
    ({1: 4, 3: ("range", 5, 1 << 100)}, {"kind": 4, "wide": 4}, False),
    ({1: 4, 3: ("range", 5, 1 << 100)}, {"kind": 4, "wide": 1 << 100}, True),
    ({1: 4, 3: ("range", 5, 1 << 100)}, {"kind": 4, "wide": (1 << 100) + 1}, False),
    ({1: 4, 3: ("range", (1 << 64) + 9, (2 << 64) + 1)}, {"kind": 4, "wide": 2 << 64}, True),
    ({1: 4, 3: ("range", (1 << 64) + 9, (2 << 64) + 1)}, {"kind": 4, "wide": (1 << 64) + 8}, False),
    ({1: 4, 3: ("range", (1 << 64) + 9, (2 << 64) + 1)}, {"kind": 4, "wide": (2 << 64) + 2}, False),
    ({1: 4, 3: ("range", 1, ALL)}, {"kind": 4, "wide": ALL}, True),
    ({1: 4, 4: ("lpm", 0xAB0000000000, 8)}, {"kind": 4, "src": 0xABFFFFFFFFFF}, True),
    ({1: 4, 4: ("lpm", 0xAB0000000000, 8)}, {"kind": 4, "src": 0xACFFFFFFFFFF}, False),
]


@pytest.mark.parametrize(("member", "packet", "inside"), MIXED_CASES)
def test_members_of_other_kinds(lab: Lab, member: dict[int, Field], packet: dict[str, int], inside: bool) -> None:
    lab.modify(value_set(lab, "mixed", {1: 200}, member))
    assert state(lab, **packet) == (MIXED if inside else NOWHERE)


def test_optional_members_and_small_ranges(lab: Lab) -> None:
    lab.modify(value_set(lab, "small", {1: ("optional", 17, 0)}, {2: ("range", 3, 5)}))
    for low in range(32):
        for high in range(8):
            assert state(lab, low=low, high=high) == (SMALL if low == 17 or 3 <= high <= 5 else NOWHERE)


def test_a_set_for_one_of_several_keys(lab: Lab) -> None:
    wide = 0x0123456789ABCDEF_FEDCBA9876543210
    lab.modify(value_set(lab, "wides", {1: wide}, {1: ALL}))
    assert [state(lab, wide=w, kind=k) for w in (wide, ALL, wide - 1) for k in (7, 8)] == [
        WIDE, WIDE_ANY, WIDE, WIDE_ANY, NOWHERE, NOWHERE]  # fmt: skip


def test_large_lists_are_searched_to_their_end(lab: Lab) -> None:
    chance = random.Random(5)
    members = [{1: 3, 3: ("range", n << 66, (n << 66) + n)} for n in chance.sample(range(1, 5000), 300)]
    for some in (members, members[:7], members[7:]):
        lab.modify(value_set(lab, "mixed", *some))
        inside = {member[3][1] for member in some}  # type: ignore[index]
        for member in members:
            low = member[3][1]  # type: ignore[index]
            assert state(lab, kind=3, wide=low) == (MIXED if low in inside else NOWHERE)
            assert state(lab, kind=3, wide=low - 1) == NOWHERE


def test_reads(lab: Lab) -> None:
    written = value_set(lab, "mixed", {1: 4, 2: ("ternary", 1, 3)}, {1: 5})
    lab.modify(written)
    assert lab.read(value_set(lab, "mixed")) == [written]
    assert lab.read(value_set(lab, "types")) == [value_set(lab, "types")]
    everything = lab.read(p4r.Entity(value_set_entry=p4r.ValueSetEntry()))
    assert everything == [value_set(lab, name) for name in ("types", "pairs")] + [written] + [
        value_set(lab, name) for name in ("small", "wides")]  # fmt: skip
    with pytest.raises(BatchError, match="there is no value set with id 9"):
        lab.read(p4r.Entity(value_set_entry=p4r.ValueSetEntry(value_set_id=9)))


def test_refusals_change_nothing(lab: Lab) -> None:
    before = value_set(lab, "types", {1: 5})
    lab.modify(before)
    bad, name = Code.INVALID_ARGUMENT, "value set P.types"
    cases = [
        (INSERT, before, bad, "a value set can only be modified; INSERT is refused"),
        (DELETE, before, bad, "a value set can only be modified; DELETE is refused"),
        (
            MODIFY,
            value_set(lab, "types", *({1: n} for n in range(4))),
            Code.RESOURCE_EXHAUSTED,
            f"{name} holds 3 mem",
        ),
        (MODIFY, value_set(lab, "types", {1: 7}, {1: 7}), Code.ALREADY_EXISTS, f"{name} is given a member twice"),
        (MODIFY, value_set(lab, "types", {}), bad, "match field value is missing; an exact field must be given"),
        (MODIFY, value_set(lab, "types", {2: 7}), bad, "field 2 does not exist; value set P.types has 1 (value)"),
        (MODIFY, value_set(lab, "types", {1: 1 << 16}), Code.OUT_OF_RANGE, "which does not fit into 16 bits"),
        (MODIFY, value_set(lab, "types", {1: ("ternary", 1, 1)}), bad, "must be given as exact, not as ternary"),
        (
            MODIFY,
            value_set(lab, "mixed", {1: 4, 3: ("range", 6, 5)}),
            bad,
            "match field wide is the empty range 6..5",
        ),
        (MODIFY, value_set(lab, "mixed", {1: 4, 4: ("lpm", 1, 8)}), bad, "bits after the prefix must be zero"),
        (
            MODIFY,
            p4r.Entity(value_set_entry=p4r.ValueSetEntry(value_set_id=5)),
            Code.NOT_FOUND,
            "value set with id 5",
        ),
    ]
    twice = value_set(lab, "types", {1: 7})
    _fill(twice.value_set_entry.members[0].match.add(field_id=1), 8)
    cases.append((MODIFY, twice, bad, "match field value is given twice"))
    for kind, entity, code, message in cases:
        found, text = lab.refusal(kind, entity)
        assert (found, message in text) == (code, True), text
    assert lab.read(before) == [before]
    assert state(lab, type_=5) == TYPED


@pytest.mark.parametrize(("name", "member", "packet", "inside"), [
    ("types", {1: 5}, {"type_": 5}, TYPED),
    ("mixed", {1: 4}, {"kind": 4}, MIXED),
])  # fmt: skip
def test_a_batch_that_is_undone_leaves_sets_as_they_were(
    lab: Lab, name: str, member: dict[int, Field], packet: dict[str, int], inside: int
) -> None:
    before = value_set(lab, name, member)
    lab.modify(before)
    unknown = p4r.Entity(value_set_entry=p4r.ValueSetEntry(value_set_id=5))
    with pytest.raises(BatchError):
        lab.write(MODIFY, value_set(lab, name), value_set(lab, name, {1: 99}), unknown,
                  atomicity=p4r.WriteRequest.ROLLBACK_ON_ERROR)  # fmt: skip
    assert lab.read(before) == [before]
    assert state(lab, **packet) == inside


def test_sets_are_carried_over_to_a_new_program(lab: Lab) -> None:
    lab.modify(value_set(lab, "types", {1: 5}), value_set(lab, "mixed", {1: 4}))
    with Lab("value_sets") as other:
        carry_over(lab.pipeline, other.pipeline)
        assert (state(other, type_=5), state(other, kind=4)) == (TYPED, MIXED)
