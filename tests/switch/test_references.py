"""Restrictions and references of a running program, update by update."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
import switch_client as p4
from compiled_program import CompiledProgram
from finsy.proto import p4i, p4r
from hypothesis import given, settings
from hypothesis import strategies as st
from switch_hosts import serving

from rackplane.switch.constraints import restrictions
from rackplane.switch.constraints.references import Change, References, Schema
from rackplane.switch.errors import BundleError, Code, RequestError

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
OK, INVALID, NOT_FOUND, IN_USE = 0, 3, 5, 9
NAMES = {INSERT: "insert", MODIFY: "modify", DELETE: "delete"}


@pytest.fixture(scope="session")
def restricted_program() -> CompiledProgram:
    return CompiledProgram("restricted")


@pytest.fixture(scope="module")
def switch_without_ports(basic_object: bytes, restricted_program: CompiledProgram) -> Iterator[p4.Client]:
    with serving({}, basic_object) as running:
        running.programs[restricted_program.config] = (restricted_program.image, restricted_program.manifest)
        client = p4.Client(running.address)
        yield client
        client.close()


@pytest.fixture
def fresh(switch_without_ports: p4.Client, restricted_program: CompiledProgram) -> p4.Client:
    """A switch that runs restricted.p4 with nothing in its tables."""
    switch_without_ports.push(restricted_program.config, p4info=restricted_program.p4info)
    return switch_without_ports


Entry = Callable[[CompiledProgram], p4r.Entity]


def entry(table: str, action: str = "", **values: int | tuple[int, int]) -> Entry:
    priority = values.pop("priority", 0)
    assert isinstance(priority, int)
    return lambda program: program.entry(table, action, priority=priority, **values)


def group(number: int, *replicas: tuple[int, int]) -> Entry:
    return lambda _: p4.group(number, *replicas)


def default(table: str, action: str, **values: int) -> Entry:
    def made(program: CompiledProgram) -> p4r.Entity:
        entity = program.entry(table, action, **values)
        entity.table_entry.is_default_action = True
        return entity

    return made


def member(number: int, action: str = "", **values: int) -> Entry:
    """A member of the program's action profile, with an action as an entry of choice_table would have it."""

    def made(program: CompiledProgram) -> p4r.Entity:
        entity = p4r.Entity()
        message = entity.action_profile_member
        message.action_profile_id = program.p4info.action_profiles[0].preamble.id
        message.member_id = number
        if action:
            message.action.CopyFrom(program.entry("choice_table", action, **values).table_entry.action.action)
        return entity

    return made


VRF1, VRF2 = entry("vrf_table", "admit", vrf=1), entry("vrf_table", "admit", vrf=2)
HOP5 = entry("nexthop_table", "forward", nexthop=5, port=3)
FULL = (1 << 48) - 1
ACL = entry("acl_table", "set_vrf", priority=5, dst=(9, FULL), kind=0x0800, vrf=1)

# Steps one after the other: (update type, entity, code, words of the message)
Step = tuple[int, Entry, int, str]
SEQUENCES: dict[str, list[Step]] = {
    "exact key": [
        (
            INSERT,
            entry("vrf_table", "admit", vrf=0),
            INVALID,
            "@entry_restriction does not hold: vrf != 0; vrf is 0x0",
        ),
        (INSERT, VRF1, OK, ""),
    ],
    "ternary keys": [
        (INSERT, VRF1, OK, ""),
        (INSERT, entry("acl_table", "drop", priority=5), OK, ""),
        (
            INSERT,
            entry("acl_table", "drop", priority=5, dst=(0x10, 0xFF)),
            INVALID,
            "dst::mask == 0 || dst::mask == -1; dst is 0x10 / 0xff",
        ),
        (
            INSERT,
            entry("acl_table", "drop", priority=5, dst=(9, FULL)),
            INVALID,
            "dst::mask != 0 -> kind == 0x0800; dst is 0x9 / 0xffffffffffff, kind is 0x0 / 0x0",
        ),
        (INSERT, ACL, OK, ""),
        (INSERT, entry("acl_table", "drop", priority=1000), INVALID, "::priority < 1000; the priority is 1000"),
        (INSERT, entry("acl_table", "drop", priority=7, dst=(3, 1)), INVALID, "dst::mask == 0"),
    ],
    "malformed before restricted": [
        (INSERT, entry("vrf_table", "admit"), INVALID, "match field vrf is missing"),
        (INSERT, entry("acl_table", "drop", kind=(1, 0)), INVALID, "priority is 0"),
    ],
    "action parameter": [
        (INSERT, entry("nexthop_table", "forward", nexthop=1, port=0), INVALID, "port != 0; port is 0x0"),
        (
            INSERT,
            entry("nexthop_table", "forward", nexthop=1, port=500),
            INVALID,
            "@action_restriction of IngressImpl.forward does not hold: port < 500; port is 0x1f4",
        ),
        (INSERT, entry("nexthop_table", "forward", nexthop=1, port=1), OK, ""),
        (MODIFY, entry("nexthop_table", "forward", nexthop=1, port=0), INVALID, "port != 0"),
        (MODIFY, default("nexthop_table", "forward", port=0), INVALID, "port != 0"),
        (MODIFY, default("nexthop_table", "forward", port=2), OK, ""),
    ],
    "the target must exist": [
        (
            INSERT,
            ACL,
            NOT_FOUND,
            "refers to the entry of IngressImpl.vrf_table with vrf = 0x1, which does not exist",
        ),
        (INSERT, VRF2, OK, ""),
        (INSERT, ACL, NOT_FOUND, "vrf = 0x1"),
        (INSERT, VRF1, OK, ""),
        (INSERT, ACL, OK, ""),
        (
            MODIFY,
            entry("acl_table", "set_vrf", priority=5, dst=(9, FULL), kind=0x0800, vrf=3),
            NOT_FOUND,
            "vrf = 0x3",
        ),
        (DELETE, VRF1, IN_USE, "still in use: 1 reference(s) from IngressImpl.acl_table"),
        (MODIFY, entry("acl_table", "set_vrf", priority=5, dst=(9, FULL), kind=0x0800, vrf=2), OK, ""),
        (DELETE, VRF1, OK, ""),
        (DELETE, VRF2, IN_USE, "still in use"),
        (DELETE, entry("acl_table", priority=5, dst=(9, FULL), kind=0x0800), OK, ""),
        (DELETE, VRF2, OK, ""),
    ],
    "key and parameter": [
        (INSERT, VRF1, OK, ""),
        (INSERT, entry("route_table", "set_nexthop", vrf=1, nexthop=5), NOT_FOUND, "nexthop = 0x5"),
        (INSERT, entry("route_table", "set_nexthop", vrf=2, nexthop=5), NOT_FOUND, "with"),
        (INSERT, HOP5, OK, ""),
        (INSERT, entry("route_table", "set_nexthop", vrf=1, nexthop=5), OK, ""),
        (INSERT, entry("route_table", "drop", vrf=1, dst=(0, 8)), OK, ""),
        (DELETE, VRF1, IN_USE, "2 reference(s) from IngressImpl.route_table"),
        (DELETE, HOP5, IN_USE, "1 reference(s)"),
        (MODIFY, entry("route_table", "drop", vrf=1), OK, ""),
        (DELETE, HOP5, OK, ""),
    ],
    "parameter of a default action": [
        (MODIFY, default("route_table", "set_nexthop", nexthop=5), NOT_FOUND, "nexthop = 0x5"),
        (INSERT, HOP5, OK, ""),
        (MODIFY, default("route_table", "set_nexthop", nexthop=5), OK, ""),
        (DELETE, HOP5, IN_USE, "still in use"),
        (MODIFY, default("route_table", "drop"), OK, ""),
        (DELETE, HOP5, OK, ""),
    ],
    "action profile members": [
        (INSERT, member(1, "set_nexthop", nexthop=5), NOT_FOUND, "nexthop = 0x5"),
        (INSERT, member(1, "forward", port=0), INVALID, "port != 0"),
        (INSERT, HOP5, OK, ""),
        (INSERT, member(1, "set_nexthop", nexthop=5), OK, ""),
        (DELETE, HOP5, IN_USE, "still in use: 1 reference(s) from IngressImpl.choices"),
        (MODIFY, member(1, "set_nexthop", nexthop=6), NOT_FOUND, "nexthop = 0x6"),
        (MODIFY, member(1, "forward", port=3), OK, ""),
        (DELETE, HOP5, OK, ""),
        (INSERT, HOP5, OK, ""),
        (INSERT, member(2, "set_nexthop", nexthop=5), OK, ""),
        (DELETE, member(2), OK, ""),
        (DELETE, HOP5, OK, ""),
    ],
    "multicast groups": [
        (
            INSERT,
            entry("nexthop_table", "flood", nexthop=1, group=4),
            NOT_FOUND,
            "the multicast groups with multicast_group_id = 0x4",
        ),
        (INSERT, group(4, (1, 7)), NOT_FOUND, "IngressImpl.replica_table with port = 0x1, rid = 0x7"),
        (INSERT, entry("replica_table", "admit", port=1, rid=7), OK, ""),
        (INSERT, group(4, (1, 7)), OK, ""),
        (MODIFY, group(4, (1, 7), (2, 7)), NOT_FOUND, "port = 0x2, rid = 0x7"),
        (INSERT, entry("nexthop_table", "flood", nexthop=1, group=4), OK, ""),
        (DELETE, group(4), IN_USE, "still in use: 1 reference(s) from IngressImpl.nexthop_table"),
        (DELETE, entry("replica_table", port=1, rid=7), IN_USE, "from the multicast groups"),
        (DELETE, entry("nexthop_table", nexthop=1), OK, ""),
        (DELETE, group(4), OK, ""),
        (DELETE, entry("replica_table", port=1, rid=7), OK, ""),
    ],
}


@pytest.mark.root
@pytest.mark.parametrize("steps", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_updates(fresh: p4.Client, restricted_program: CompiledProgram, steps: list[Step]) -> None:
    for number, (kind, made, code, words) in enumerate(steps):
        update = p4r.Update(type=kind, entity=made(restricted_program))
        where = f"step {number} ({NAMES[kind]})"
        try:
            fresh.write(update)
        except grpc.RpcError as e:
            (error,) = p4.errors(e)
            assert (error.canonical_code, words in error.message) == (code, True), f"{where}: {error.message}"
        else:
            assert code == OK, f"{where} was not refused"


@pytest.mark.root
def test_a_rollback_leaves_the_references_as_they_were(
    fresh: p4.Client, restricted_program: CompiledProgram
) -> None:
    vrf, acl = VRF1(restricted_program), ACL(restricted_program)
    fresh.insert(vrf)
    with pytest.raises(grpc.RpcError) as failure:
        fresh.write(
            p4r.Update(type=INSERT, entity=acl),
            p4r.Update(type=DELETE, entity=vrf),
            atomicity=p4r.WriteRequest.ROLLBACK_ON_ERROR,
        )
    assert [e.canonical_code for e in p4.errors(failure.value)] == [10, IN_USE]
    fresh.delete(vrf)
    with pytest.raises(grpc.RpcError):
        fresh.insert(acl)
    fresh.insert(vrf, acl)


@pytest.mark.root
def test_in_one_batch_the_order_counts(fresh: p4.Client, restricted_program: CompiledProgram) -> None:
    vrf, acl = VRF1(restricted_program), ACL(restricted_program)
    with pytest.raises(grpc.RpcError) as failure:
        fresh.insert(acl, vrf)
    assert [e.canonical_code for e in p4.errors(failure.value)] == [NOT_FOUND, OK]
    fresh.insert(acl)
    with pytest.raises(grpc.RpcError) as failure:
        fresh.delete(vrf, acl)
    assert [e.canonical_code for e in p4.errors(failure.value)] == [IN_USE, OK]


@pytest.mark.root
def test_reconcile_judges_what_is_there(fresh: p4.Client, restricted_program: CompiledProgram) -> None:
    fresh.insert(VRF1(restricted_program), ACL(restricted_program))
    action = p4r.SetForwardingPipelineConfigRequest.RECONCILE_AND_COMMIT
    fresh.push(restricted_program.config, action, restricted_program.p4info)
    with pytest.raises(grpc.RpcError):
        fresh.delete(VRF1(restricted_program))
    stricter = p4i.P4Info()
    stricter.CopyFrom(restricted_program.p4info)
    table = next(t for t in stricter.tables if t.preamble.alias == "vrf_table")
    table.preamble.annotations[:] = ['@entry_restriction("vrf > 1")']
    with pytest.raises(grpc.RpcError) as failure:
        fresh.push(restricted_program.config, action, stricter)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "an entry of table IngressImpl.vrf_table cannot be kept" in str(failure.value.details())
    assert len(fresh.read(VRF1(restricted_program))) == 1


BAD_INFO: list[tuple[str, str, str, str]] = [
    ("constraint", "vrf_table", '@entry_restriction("vrf == ")', "@entry_restriction of IngressImpl.vrf_table: an"),
    ("no text", "vrf_table", "@entry_restriction(5)", "takes a text in quotes"),
    (
        "unknown table",
        "vrf",
        "@refers_to(nothing, vrf)",
        "names the table nothing, which the program does not have",
    ),
    ("unknown field", "vrf", "@refers_to(vrf_table, x)", "names x, which vrf_table does not have"),
    ("not exact", "vrf", "@refers_to(acl_table, kind)", "names kind, which is no exact match field"),
    ("no pair", "vrf", "@refers_to(acl_table)", "takes a table and a field"),
    ("not built in", "vrf", "@referenced_by(acl_table, kind)", "is for builtin::multicast_group_table"),
    ("built-in field", "vrf", "@refers_to(builtin::multicast_group_table, x)", "names x, which builtin"),
]


@pytest.mark.parametrize(("what", "place", "annotation", "message"), BAD_INFO, ids=[c[0] for c in BAD_INFO])
def test_annotations_that_make_no_sense(
    restricted_program: CompiledProgram, what: str, place: str, annotation: str, message: str
) -> None:
    info = p4i.P4Info()
    info.CopyFrom(restricted_program.p4info)
    table = next(t for t in info.tables if t.preamble.alias == "vrf_table")
    (table.preamble if place == "vrf_table" else table.match_fields[0]).annotations[:] = [annotation]
    with pytest.raises(BundleError, match=message):
        restrictions.read(info)
        Schema(info)


def test_senseless_widths_cost_nothing(restricted_program: CompiledProgram) -> None:
    info = p4i.P4Info()
    info.CopyFrom(restricted_program.p4info)
    table = next(t for t in info.tables if t.preamble.alias == "vrf_table")
    table.match_fields[0].bitwidth = (1 << 31) - 1
    with pytest.raises(BundleError, match="vrf is of a type that constraints cannot speak of"):
        restrictions.read(info)


def test_two_restrictions_are_refused(restricted_program: CompiledProgram) -> None:
    info = p4i.P4Info()
    info.CopyFrom(restricted_program.p4info)
    info.tables[0].preamble.annotations[:] = ['@entry_restriction("true")'] * 2
    with pytest.raises(BundleError, match="is there 2 times"):
        restrictions.read(info)


# References against their definition: entries by number, each referring to some others.

TREE = p4i.P4Info()
_table = TREE.tables.add()
_table.preamble.id, _table.preamble.name, _table.preamble.alias = 0x02000001, "t", "t"
_table.match_fields.add(id=1, name="me", match_type=p4i.MatchField.EXACT)
_table.match_fields.add(id=2, name="other", match_type=p4i.MatchField.OPTIONAL).annotations.append(
    "@refers_to(t, me)"
)


def node(me: int, other: int | None) -> p4r.Entity:
    entity = p4r.Entity()
    entity.table_entry.table_id = 0x02000001
    entity.table_entry.match.add(field_id=1).exact.value = bytes((me,))
    if other is not None:
        entity.table_entry.match.add(field_id=2).optional.value = bytes((other,))
    return entity


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.one_of(st.none(), st.integers(0, 3))), max_size=25),
    st.sets(st.integers(0, 24)),
)
def test_no_reference_is_ever_without_its_target(
    steps: list[tuple[bool, int, int | None]], resets: set[int]
) -> None:
    there: dict[tuple[int, int | None], p4r.Entity] = {}
    references = References(Schema(TREE), lambda _: list(there.values()))
    for number, (insert, me, other) in enumerate(steps):
        key = (me, other)
        if number in resets:
            references.reset()
        if insert == (key in there):
            continue
        left = {k for k in there if k != key}
        targets = {k[0] for k in left}
        if insert:
            change, fine = Change(0x02000001, None, node(*key)), other is None or other in targets
        else:
            change, fine = Change(0x02000001, there[key], None), all(o is None or o in targets for _, o in left)
        try:
            references.check(change)
        except RequestError as e:
            assert not fine
            assert e.code is (Code.NOT_FOUND if insert else Code.FAILED_PRECONDITION)
            continue
        assert fine
        if insert:
            there[key] = node(*key)
        else:
            del there[key]
        references.apply(change)
    references.verify()
