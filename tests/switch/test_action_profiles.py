"""Action profiles and selectors: what packets meet, and what the control plane may do."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import switch_client as p4
from compiled_program import compiled
from finsy.proto import p4r
from program_lab import Lab
from selector_model import (
    BALANCED,
    FIRST,
    ROUTED,
    SECOND,
    choices,
    entry,
    flow,
    frame,
    group,
    member,
    one_shot,
    spread_hash,
    wide_hash,
)
from switch_hosts import Links, Running

from rackplane.switch import links as interfaces
from rackplane.switch.errors import Code
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.ports import Ports
from rackplane.switch.reconcile import carry_over

pytestmark = pytest.mark.root

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
MISSED, HIT = 2, 1
RAN_SET, RAN_MARK, RAN_OTHER = 0x51, 0x52, 0x5F


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab("selectors") as lab:
        yield lab


def ran(lab: Lab, sent: bytes) -> tuple[int, int]:
    """What the action has left in the frame, and what the control found of the result."""
    out = lab.run(sent)
    assert out is not None
    return int.from_bytes(out[18:20], "big"), out[20]


def expect_choices(lab: Lab, order: list[int]) -> None:
    """Frames of many flows run what `order` says for their hash."""
    for n, wanted in enumerate(choices(order, 40)):
        assert ran(lab, frame(BALANCED, 1, **flow(n))) == (wanted, RAN_SET)


# Members


def test_entries_share_a_member_and_see_it_change(lab: Lab) -> None:
    lab.insert(member(lab, 7, "set", 0x1234, profile="shared"))
    lab.insert(entry(lab, "first", 1, member=7), entry(lab, "second", 2, member=7))
    assert ran(lab, frame(FIRST, 1)) == (0x1234, HIT)
    assert ran(lab, frame(FIRST, 9)) == (0, MISSED)
    assert ran(lab, frame(SECOND, 2)) == (0x1234, 0)
    lab.modify(member(lab, 7, "mark", 0xA, 0xBC, profile="shared"))
    assert ran(lab, frame(FIRST, 1)) == (0xEABC, HIT)
    assert ran(lab, frame(SECOND, 2)) == (0xEABC, 0)
    lab.modify(member(lab, 7, "drop", profile="shared"))
    assert lab.run(frame(FIRST, 1)) is None


def test_members_change_as_often_as_one_likes(lab: Lab) -> None:
    lab.insert(member(lab, 1, "set", 0, profile="shared"), member(lab, 2, "set", 7, profile="shared"))
    lab.insert(entry(lab, "first", 1, member=1), entry(lab, "first", 2, member=2))
    for value in range(300):
        lab.modify(member(lab, 1, "set", value, profile="shared"))
        assert ran(lab, frame(FIRST, 1)) == (value, HIT)
    assert ran(lab, frame(FIRST, 2)) == (7, HIT)


def test_numbers_of_members_are_used_again(lab: Lab) -> None:
    for round_ in range(40):
        lab.insert(*[member(lab, n, "set", 100 * round_ + n, profile="shared") for n in range(1, 9)])
        lab.insert(entry(lab, "first", 1, member=8))
        assert ran(lab, frame(FIRST, 1)) == (100 * round_ + 8, HIT)
        lab.delete(entry(lab, "first", 1))
        lab.delete(*[member(lab, n, profile="shared") for n in range(1, 9)])


def test_direct_counters_count_on_indirect_tables(lab: Lab) -> None:
    lab.insert(member(lab, 1, "set", 5, profile="shared"), entry(lab, "first", 1, member=1))
    wanted = entry(lab, "first", 1)
    lab.run(frame(FIRST, 1), repeat=3)
    wanted.table_entry.counter_data.SetInParent()
    (found,) = lab.read(wanted)
    assert found.table_entry.counter_data.packet_count == 3
    assert found.table_entry.action.action_profile_member_id == 1


# Groups


ORDERS = [
    ([(1, 1)], [0x101]),
    ([(1, 1), (2, 1), (3, 1)], [0x101, 0x102, 0x103]),
    ([(3, 1), (1, 1)], [0x101, 0x103]),
    # Members 1, 2, 3 have handles 0, 1, 2; further shares get 3, 4, ... in the order of member ids.
    ([(1, 3), (2, 1)], [0x101, 0x102, 0x101, 0x101]),
    ([(2, 2), (1, 2), (3, 1)], [0x101, 0x102, 0x103, 0x101, 0x102]),
    ([(3, 4)], [0x103] * 4),
]


@pytest.mark.parametrize(("members", "order"), ORDERS)
def test_groups_choose_by_the_hash(lab: Lab, members: list[tuple[int, int]], order: list[int]) -> None:
    lab.insert(*[member(lab, n, "set", 0x100 + n) for n in (1, 2, 3)])
    lab.insert(group(lab, 4, *members), entry(lab, "balanced", 1, group=4))
    expect_choices(lab, order)


def test_groups_change_under_traffic(lab: Lab) -> None:
    lab.insert(*[member(lab, n, "set", 0x100 + n) for n in (1, 2, 3)])
    lab.insert(group(lab, 4, (1, 1)), entry(lab, "balanced", 1, group=4))
    steps = [
        ([(1, 2), (2, 2)], [0x101, 0x102, 0x101, 0x102]),
        ([(2, 1)], [0x102]),
        ([(3, 2), (2, 1)], [0x102, 0x103, 0x103]),
        ([(1, 1), (2, 1), (3, 1)], [0x101, 0x102, 0x103]),
    ]
    for _ in range(20):
        for members, order in steps:
            lab.modify(group(lab, 4, *members))
            expect_choices(lab, order)


def test_another_hash_and_a_group_of_a_longest_prefix(lab: Lab) -> None:
    lab.insert(*[member(lab, n, "set", n, profile="wide") for n in range(1, 8)])
    lab.insert(group(lab, 1, *[(n, 1) for n in range(1, 8)], profile="wide"))
    lab.insert(entry(lab, "routed", 0x40, group=1, length=4), entry(lab, "routed", 0x44, member=3))
    for label in range(0, 4096, 97):
        assert ran(lab, frame(ROUTED, 0x41, label=label)) == (1 + wide_hash(label) % 7, HIT)
        assert ran(lab, frame(ROUTED, 0x44, label=label)) == (3, HIT)
    assert ran(lab, frame(ROUTED, 0x50)) == (0xDDDD, MISSED)


def test_the_action_that_ran_is_known(lab: Lab) -> None:
    lab.insert(member(lab, 1, "set", 1), member(lab, 2, "mark", 2, 3), member(lab, 3, "nothing"))
    cases = [(1, 0x0001, RAN_SET), (2, 0xE203, RAN_MARK), (3, 0, RAN_OTHER)]
    for number, value, what in cases:
        lab.insert(group(lab, number, (number, 1)), entry(lab, "balanced", number, group=number))
        lab.insert(entry(lab, "balanced", 10 + number, member=number))
        assert ran(lab, frame(BALANCED, number)) == (value, what)
        assert ran(lab, frame(BALANCED, 10 + number)) == (value, what)


def test_an_empty_group_hits_and_runs_nothing(lab: Lab) -> None:
    lab.insert(group(lab, 1), entry(lab, "balanced", 1, group=1))
    lab.insert(group(lab, 1, profile="wide"), entry(lab, "routed", 1, group=1))
    assert ran(lab, frame(BALANCED, 1)) == (0, RAN_OTHER)
    assert ran(lab, frame(ROUTED, 1)) == (0, HIT)


# One shot


def test_one_shot_sets(lab: Lab) -> None:
    actions = [(lab.action("set", 0x201), 2), (lab.action("set", 0x202), 1), (lab.action("set", 0x201), 1)]
    sent = one_shot(lab, "balanced", 1, *actions)
    lab.insert(sent)
    expect_choices(lab, [0x201, 0x201, 0x202, 0x201])
    assert lab.read(entry(lab, "balanced", 1)) == [sent]
    other = one_shot(lab, "balanced", 1, (lab.action("set", 9), 1))
    lab.modify(other)
    expect_choices(lab, [9])
    assert not lab.read(p4r.Entity(action_profile_member=p4r.ActionProfileMember()))
    assert not lab.read(p4r.Entity(action_profile_group=p4r.ActionProfileGroup()))
    empty = one_shot(lab, "balanced", 2)
    lab.insert(empty)
    assert ran(lab, frame(BALANCED, 2)) == (0, RAN_OTHER)
    lab.delete(entry(lab, "balanced", 1), entry(lab, "balanced", 2))
    assert ran(lab, frame(BALANCED, 1)) == (0, RAN_OTHER)


def test_one_shot_sets_leave_nothing_behind(lab: Lab) -> None:
    """Every failed, undone, replaced or deleted set gives its members back: the profile never fills."""
    good = one_shot(lab, "balanced", 1, *[(lab.action("set", n), 1) for n in range(12)])
    bad = one_shot(lab, "balanced", 1, (lab.action("set", 1), 1), (lab.action("set", 1), 99))
    for _ in range(30):
        lab.insert(good)
        assert lab.refusal(INSERT, good)[0] is Code.ALREADY_EXISTS
        lab.modify(good)
        assert lab.refusal(MODIFY, bad)[0] is Code.INVALID_ARGUMENT
        with pytest.raises(BatchError):
            lab.write(MODIFY, good, bad, atomicity=p4r.WriteRequest.ROLLBACK_ON_ERROR)
        expect_choices(lab, list(range(12)))
        lab.delete(entry(lab, "balanced", 1))
    lab.insert(*[member(lab, n, "set", n) for n in range(1, 33)])


# Ports


def test_members_of_ports_that_are_down_are_not_chosen(links: Links) -> None:
    ports = Ports(links.ports).ports
    for port in ports.values():
        interfaces.set_up(port.interface)
    links.wait_up()
    with Lab("selectors", ports) as lab:
        lab.insert(*[member(lab, n, "set", 0x100 + n) for n in (1, 2, 3)])
        watching = group(lab, 1, (1, 1, b"\1"), (2, 1, b"\0\2"), (3, 1))
        lab.insert(watching, entry(lab, "balanced", 1, group=1))
        expect_choices(lab, [0x101, 0x102, 0x103])
        for down, order in ((2, [0x101, 0x103]), (1, [0x103])):
            subprocess.run(["ip", "link", "set", links.ports[down], "down"], check=True)
            lab.pipeline.ports_changed()
            expect_choices(lab, order)
        lab.modify(group(lab, 1, (1, 2, b"\1"), (2, 1, b"\2")))
        assert ran(lab, frame(BALANCED, 1)) == (0, RAN_OTHER), "all watched ports are down: as an empty group"
        interfaces.set_up(links.ports[1])
        links.wait_up([1])
        lab.pipeline.ports_changed()
        expect_choices(lab, [0x101, 0x101])


def test_the_switch_is_told_of_links(switch: Running, links: Links) -> None:
    """Over gRPC, without anybody's help: traffic leaves a member when its port goes down, and comes back."""
    program, client = compiled("selectors"), p4.Client(switch.address)
    switch.programs[program.config] = (program.image, program.manifest)
    client.push(program.config, p4info=program.p4info)
    with Lab("selectors") as names:
        client.insert(*[member(names, n, "set", 0x100 + n) for n in (1, 2)])
        client.insert(group(names, 1, (1, 1, b"\2"), (2, 1)))
        client.insert(entry(names, "balanced", 1, group=1))
    sent = next(frame(BALANCED, 1, dst=n) for n in range(99) if spread_hash(n, 0, 0) % 2 == 0)
    for action, wanted in (("up", 0x101), ("down", 0x102), ("up", 0x101)):
        subprocess.run(["ip", "link", "set", links.ports[2], action], check=True)
        deadline = time.monotonic() + 20
        found = None
        while found != wanted:
            assert time.monotonic() < deadline, f"{found} and not {wanted} with port 2 {action}"
            links.hosts[3].send(sent)
            answer = links.hosts[1].receive()
            found = int.from_bytes(answer[18:20], "big") if answer else None
    client.close()


# The control plane


def test_reads(lab: Lab) -> None:
    members = [member(lab, 1, "set", 1), member(lab, 2, "mark", 1, 2)]
    other = member(lab, 1, "set", 3, profile="shared")
    found = group(lab, 5, (1, 2), (2, 1), max_size=4)
    lab.insert(*members, other, found)
    everything = p4r.ActionProfileMember()
    assert lab.read(p4r.Entity(action_profile_member=everything)) == [other, *members]
    assert lab.read(member(lab, 0)) == members
    assert lab.read(member(lab, 2)) == [members[1]]
    assert lab.read(p4r.Entity(action_profile_group=p4r.ActionProfileGroup())) == [found]
    assert lab.read(group(lab, 0)) == lab.read(group(lab, 5)) == [found]
    assert lab.read(group(lab, 0, profile="wide"), member(lab, 9), group(lab, 9)) == []
    for missing, message in [
        (
            p4r.Entity(action_profile_member=p4r.ActionProfileMember(action_profile_id=5)),
            "no action profile with id 5",
        ),
        (p4r.Entity(action_profile_group=p4r.ActionProfileGroup(group_id=5)), "without an action_profile_id"),
    ]:
        with pytest.raises(BatchError, match=message):
            lab.read(missing)


def test_reads_by_what_an_entry_names(lab: Lab) -> None:
    lab.insert(member(lab, 1, "set", 1), member(lab, 2, "set", 1), group(lab, 1, (1, 1)))
    entries = [
        entry(lab, "balanced", 1, member=1),
        entry(lab, "balanced", 2, member=2),
        entry(lab, "balanced", 3, group=1),
    ]
    lab.insert(*entries)
    wanted = p4r.Entity(table_entry=p4r.TableEntry(table_id=lab.id("balanced")))
    assert lab.read(wanted) == entries
    wanted.table_entry.action.action_profile_member_id = 2
    assert lab.read(wanted) == [entries[1]]


def test_what_is_in_use_cannot_be_deleted(lab: Lab) -> None:
    lab.insert(member(lab, 1, "set", 1), member(lab, 2, "set", 2))
    lab.insert(group(lab, 1, (1, 1)), entry(lab, "balanced", 1, group=1), entry(lab, "balanced", 2, member=2))
    cases = [
        (member(lab, 1), "member 1 of ingress.spread is used by group 1"),
        (member(lab, 2), "member 2 of ingress.spread is used by 1 table entries"),
        (group(lab, 1), "group 1 of ingress.spread is used by 1 table entries"),
    ]
    for entity, message in cases:
        code, text = lab.refusal(DELETE, entity)
        assert (code, message in text) == (Code.FAILED_PRECONDITION, True), text
    lab.delete(entry(lab, "balanced", 1), group(lab, 1), member(lab, 1))
    lab.delete(entry(lab, "balanced", 2), member(lab, 2))
    assert not lab.read(member(lab, 0))


def test_refusals(lab: Lab) -> None:
    lab.insert(member(lab, 1, "set", 1), member(lab, 2, "set", 2), group(lab, 1, (1, 1), max_size=4))
    weightless, negative = group(lab, 2, (1, 0)), group(lab, 2, (1, -1))
    watching, older = group(lab, 2, (1, 1, b"\x63")), group(lab, 2, (1, 1))
    older.action_profile_group.members[0].watch = 99
    direct = entry(lab, "balanced", 1)
    direct.table_entry.action.action.CopyFrom(lab.action("set", 1))
    bad = Code.INVALID_ARGUMENT
    default = p4r.Entity(table_entry=p4r.TableEntry(table_id=lab.id("balanced"), is_default_action=True))
    default.table_entry.action.action.CopyFrom(lab.action("nothing"))
    cases = [
        (
            MODIFY,
            default,
            bad,
            "of table ingress.balanced: the default action of a table with an action profile is",
        ),
        (INSERT, member(lab, 0, "set", 1), bad, "the member id is missing"),
        (INSERT, member(lab, 1, "set", 1), Code.ALREADY_EXISTS, "member 1 of ingress.spread already exists"),
        (INSERT, member(lab, 3), bad, "no action is given"),
        (INSERT, member(lab, 3, "set"), bad, "parameter v of ingress.set is missing"),
        (MODIFY, member(lab, 3, "set", 1), Code.NOT_FOUND, "there is no member 3 in ingress.spread"),
        (MODIFY, member(lab, 1), bad, "no action is given"),
        (DELETE, member(lab, 3), Code.NOT_FOUND, "there is no member 3 in ingress.spread"),
        (INSERT, group(lab, 0), bad, "the group id is missing"),
        (INSERT, group(lab, 1), Code.ALREADY_EXISTS, "group 1 of ingress.spread already exists"),
        (INSERT, group(lab, 2, (3, 1)), Code.NOT_FOUND, "there is no member 3 in ingress.spread"),
        (INSERT, group(lab, 2, (1, 1), (1, 2)), bad, "has member 1 twice: give it a larger weight"),
        (INSERT, weightless, bad, "a member of group 2 of ingress.spread has weight 0; weights are above zero"),
        (INSERT, negative, bad, "has weight -1"),
        (INSERT, watching, bad, "group 2 of ingress.spread watches port 99, which the switch does not have"),
        (INSERT, older, bad, "watches port 99"),
        (INSERT, group(lab, 2, max_size=17), bad, "max_size is 17; groups of ingress.spread hold up to 16"),
        (INSERT, group(lab, 2, max_size=-1), bad, "max_size is -1"),
        (
            INSERT,
            group(lab, 2, (1, 17)),
            Code.RESOURCE_EXHAUSTED,
            "group 2 of ingress.spread has 17 shares; it holds 16",
        ),
        (INSERT, group(lab, 2, (1, 3), (2, 2), max_size=4), Code.RESOURCE_EXHAUSTED, "has 5 shares; it holds 4"),
        (MODIFY, group(lab, 1, (1, 1)), bad, "was inserted with max_size 4; it cannot become 0"),
        (MODIFY, group(lab, 2), Code.NOT_FOUND, "there is no group 2 in ingress.spread"),
        (DELETE, group(lab, 2), Code.NOT_FOUND, "there is no group 2 in ingress.spread"),
        (
            INSERT,
            group(lab, 1, profile="shared"),
            bad,
            "ingress.shared is an action profile: groups belong to action",
        ),
        (
            INSERT,
            entry(lab, "first", 1, group=1),
            bad,
            "ingress.shared is an action profile: groups belong to action",
        ),
        (INSERT, one_shot(lab, "first", 1), bad, "ingress.shared is an action profile: action sets belong to"),
        (INSERT, entry(lab, "balanced", 1, member=9), bad, "there is no member 9 in ingress.spread"),
        (INSERT, entry(lab, "balanced", 1, group=9), bad, "there is no group 9 in ingress.spread"),
        (INSERT, entry(lab, "balanced", 1), bad, "no action is given"),
        (INSERT, direct, bad, "the table's actions are members of ingress.spread: name one, or a group"),
        (
            INSERT,
            one_shot(lab, "balanced", 1),
            bad,
            "ingress.spread is programmed with members and groups: one-shot",
        ),
    ]
    for kind, entity, code, message in cases:
        found, text = lab.refusal(kind, entity)
        assert (found, message in text) == (code, True), text
    unknown = p4r.Entity(action_profile_member=p4r.ActionProfileMember(action_profile_id=3, member_id=1))
    assert lab.refusal(INSERT, unknown)[0] is Code.NOT_FOUND
    assert Counter(e.WhichOneof("entity") for e in lab.read(member(lab, 0), group(lab, 0))) == {
        "action_profile_member": 2, "action_profile_group": 1}  # fmt: skip


def test_sizes(lab: Lab) -> None:
    lab.insert(*[member(lab, n, "set", n, profile="shared") for n in range(1, 9)])
    code, text = lab.refusal(INSERT, member(lab, 9, "set", 9, profile="shared"))
    assert (code, "ingress.shared is full: it holds 8 members" in text) == (Code.RESOURCE_EXHAUSTED, True)
    lab.insert(member(lab, 1, "set", 1, profile="wide"))
    code, text = lab.refusal(INSERT, group(lab, 1, (1, 513), profile="wide"))
    assert (code, "has 513 shares; all groups of ingress.wide have 512" in text) == (Code.RESOURCE_EXHAUSTED, True)
    code, text = lab.refusal(INSERT, group(lab, 1, (1, 1 << 30), profile="wide"))
    assert (code, "up to 65536 fit" in text) == (Code.RESOURCE_EXHAUSTED, True)
    code, text = lab.refusal(INSERT, group(lab, 1, max_size=513, profile="wide"))
    assert (code, "max_size is 513; the groups of" in text) == (Code.RESOURCE_EXHAUSTED, True)
    lab.insert(group(lab, 1, (1, 400), profile="wide"))
    assert lab.refusal(INSERT, group(lab, 2, (1, 400), profile="wide"))[0] is Code.RESOURCE_EXHAUSTED
    lab.delete(group(lab, 1, profile="wide"))
    lab.insert(group(lab, 2, (1, 400), profile="wide"))
    large = one_shot(lab, "balanced", 1, *[(lab.action("set", n), 1) for n in range(17)])
    code, text = lab.refusal(INSERT, large)
    assert (code, "an action set of ingress.spread has 17 shares; it holds 16" in text) == (
        Code.INVALID_ARGUMENT,
        True,
    )
    lab.insert(one_shot(lab, "balanced", 1, (lab.action("set", 1), 1)))
    for entity in (member(lab, 1, "set", 1), group(lab, 1), entry(lab, "balanced", 2, member=1)):
        code, text = lab.refusal(INSERT, entity)
        assert (code, "is programmed with one-shot action sets" in text) == (Code.INVALID_ARGUMENT, True)


def test_a_batch_that_is_undone_leaves_everything_as_it_was(lab: Lab) -> None:
    lab.insert(*[member(lab, n, "set", 0x100 + n) for n in (1, 2, 3)])
    lab.insert(
        group(lab, 1, (1, 1), (2, 1)), entry(lab, "balanced", 1, group=1), entry(lab, "balanced", 2, member=3)
    )
    changes = [
        (MODIFY, member(lab, 1, "set", 0x999)),
        (MODIFY, group(lab, 1, (3, 3))),
        (DELETE, entry(lab, "balanced", 2)),
        (DELETE, entry(lab, "balanced", 1)),
        (DELETE, group(lab, 1)),
        (DELETE, member(lab, 3)),
        (INSERT, member(lab, 3, "set", 0x998)),
        (INSERT, member(lab, 4, "set", 0x997)),
        (INSERT, group(lab, 2, (4, 2))),
        (INSERT, entry(lab, "balanced", 7, group=2)),
        (INSERT, member(lab, 4, "set", 0x996)),
    ]
    updates = [p4r.Update(type=kind, entity=entity).SerializeToString() for kind, entity in changes]
    before = lab.read(
        member(lab, 0), group(lab, 0), p4r.Entity(table_entry=p4r.TableEntry(table_id=lab.id("balanced")))
    )
    for _ in range(3):
        with pytest.raises(BatchError) as caught:
            lab.writer.write(p4r.WriteRequest.ROLLBACK_ON_ERROR, updates)
        codes = {index: error.code for index, error in caught.value.errors.items()}
        assert codes == dict.fromkeys(range(10), Code.ABORTED) | {10: Code.ALREADY_EXISTS}
        after = lab.read(member(lab, 0), group(lab, 0),
                         p4r.Entity(table_entry=p4r.TableEntry(table_id=lab.id("balanced"))))  # fmt: skip
        assert sorted(map(str, after)) == sorted(map(str, before))
        expect_choices(lab, [0x101, 0x102])
        assert ran(lab, frame(BALANCED, 2)) == (0x103, RAN_SET)
        assert lab.refusal(DELETE, member(lab, 3))[0] is Code.FAILED_PRECONDITION


def test_members_and_groups_are_carried_over_to_a_new_program(lab: Lab) -> None:
    lab.insert(*[member(lab, n, "set", 0x100 + n) for n in (1, 2, 3)])
    lab.insert(
        group(lab, 1, (1, 2), (2, 1)), entry(lab, "balanced", 1, group=1), entry(lab, "balanced", 2, member=3)
    )
    with Lab("selectors") as other:
        carry_over(lab.pipeline, other.pipeline)
        expect_choices(other, [0x101, 0x102, 0x101])
        assert ran(other, frame(BALANCED, 2)) == (0x103, RAN_SET)
        assert other.read(member(other, 0), group(other, 0)) == lab.read(member(lab, 0), group(lab, 0))
