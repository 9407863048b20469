"""Write, case by case, as a controller sees it."""

from __future__ import annotations

from collections.abc import Iterator

import basic_program as basic
import grpc
import pytest
import switch_client as p4
from finsy.proto import p4r
from grpc import StatusCode as Status
from switch_hosts import serving

pytestmark = pytest.mark.root

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
OK, INVALID, NOT_FOUND, EXISTS, DENIED, EXHAUSTED = 0, 3, 5, 6, 7, 8
ABORTED, OUT_OF_RANGE, UNIMPLEMENTED = 10, 11, 12


def match0(e: p4r.TableEntry) -> p4r.FieldMatch:
    return e.match[0]


def params(e: p4r.TableEntry) -> list[p4r.Action.Param]:
    return e.action.action.params


# (what, update type, entity, code, words that the message must have)
REFUSED: list[tuple[str, int, p4r.Entity, int, list[str]]] = [
    ("duplicate", INSERT, p4.HELD, EXISTS, ["ingress.l2", "already exists"]),
    ("duplicate lpm", INSERT, p4.HELD_ROUTE, EXISTS, ["ingress.routes"]),
    ("duplicate ternary", INSERT, p4.HELD_ACL, EXISTS, ["ingress.acl"]),
    ("modify nothing", MODIFY, p4.NEW, NOT_FOUND, ["ingress.l2", "no entry"]),
    ("delete nothing", DELETE, p4.NEW, NOT_FOUND, ["no entry"]),
    ("other priority is another entry", DELETE, p4.acl(6, src=(0x0A000000, 0xFF000000)), NOT_FOUND, ["no entry"]),
    ("no type", 0, p4.NEW, INVALID, ["no type"]),
    ("no entity", INSERT, p4r.Entity(), INVALID, ["no entity"]),
    (
        "unknown table",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(e, "table_id", 5)),
        NOT_FOUND,
        ["no table with id 5"],
    ),
    (
        "no table id",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(e, "table_id", 0)),
        INVALID,
        ["table id is missing"],
    ),
    (
        "missing exact field",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: e.match.pop()),
        INVALID,
        ["hdr.ethernet.dst", "missing"],
    ),
    (
        "unknown field",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(match0(e), "field_id", 9)),
        INVALID,
        ["match field 9"],
    ),
    (
        "field twice",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: e.match.append(match0(e))),
        INVALID,
        ["hdr.ethernet.dst", "twice"],
    ),
    (
        "wrong match type",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: match0(e).lpm.SetInParent()),
        INVALID,
        ["as exact", "lpm"],
    ),
    (
        "match of no type",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: match0(e).ClearField("exact")),
        INVALID,
        ["not as nothing"],
    ),
    ("empty value", INSERT, p4.l2(b"", 2), OUT_OF_RANGE, ["hdr.ethernet.dst", "empty"]),
    ("value too wide", INSERT, p4.l2(b"\x01" + bytes(6), 2), OUT_OF_RANGE, ["hdr.ethernet.dst", "48 bits"]),
    (
        "priority on exact",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(e, "priority", 1)),
        INVALID,
        ["priority is 1"],
    ),
    ("no priority on ternary", INSERT, p4.acl(0), INVALID, ["priority is 0"]),
    ("negative priority", INSERT, p4.acl(-1), INVALID, ["priority is -1"]),
    (
        "lpm don't care",
        INSERT,
        p4.tweaked(p4.HELD_ROUTE, lambda e: setattr(match0(e).lpm, "prefix_len", 0)),
        INVALID,
        ["leave"],
    ),
    ("lpm too long", INSERT, p4.route(0x0B000000, 33, 2), INVALID, ["prefix length 33", "1..32"]),
    ("lpm trailing bits", INSERT, p4.route(0x0B000001, 8, 2), INVALID, ["after the prefix"]),
    ("ternary zero mask", INSERT, p4.acl(1, src=(0, 0)), INVALID, ["hdr.ipv4.src", "all-zero mask"]),
    ("ternary bits outside", INSERT, p4.acl(1, src=(3, 1)), INVALID, ["outside the mask"]),
    ("range reversed", INSERT, p4.acl(1, ports=(5, 4)), INVALID, ["hdr.udp.dst_port", "5..4"]),
    ("range of everything", INSERT, p4.acl(1, ports=(0, 65535)), INVALID, ["covers every value"]),
    ("no action", INSERT, p4.tweaked(p4.NEW, lambda e: e.ClearField("action")), INVALID, ["no action"]),
    (
        "member id",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(e.action, "action_profile_member_id", 1)),
        INVALID,
        ["action_profile_member_id"],
    ),
    (
        "action of another table",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(e.action.action, "action_id", basic.ROUTE)),
        INVALID,
        [str(basic.ROUTE), "ingress.forward"],
    ),
    (
        "missing parameter",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: params(e).pop()),
        INVALID,
        ["port of ingress.forward", "missing"],
    ),
    (
        "unknown parameter",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(params(e)[0], "param_id", 4)),
        INVALID,
        ["parameter 4"],
    ),
    (
        "parameter twice",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: params(e).append(params(e)[0])),
        INVALID,
        ["port", "twice"],
    ),
    ("parameter too wide", INSERT, p4.l2(0x0300, 512), OUT_OF_RANGE, ["port of ingress.forward", "9 bits"]),
    (
        "default-only action",
        INSERT,
        p4.tweaked(
            p4.HELD_ROUTE,
            lambda e: (
                setattr(match0(e).lpm, "value", b"\x0b\0\0\0"),
                e.action.action.Clear(),
                setattr(e.action.action, "action_id", basic.DROP),
            ),
        ),
        DENIED,
        ["ingress.drop", "default"],
    ),
    ("is_const", INSERT, p4.tweaked(p4.NEW, lambda e: setattr(e, "is_const", True)), INVALID, ["is_const"]),
    (
        "idle timeout",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: setattr(e, "idle_timeout_ns", 5)),
        INVALID,
        ["idle_timeout_ns"],
    ),
    (
        "last hit",
        INSERT,
        p4.tweaked(p4.NEW, lambda e: e.time_since_last_hit.SetInParent()),
        INVALID,
        ["time_since_last_hit"],
    ),
    ("meter", INSERT, p4.tweaked(p4.NEW, lambda e: e.meter_config.SetInParent()), INVALID, ["no direct meter"]),
    ("counter", INSERT, p4.tweaked(p4.NEW, lambda e: e.counter_data.SetInParent()), INVALID, ["no direct counter"]),
    ("insert default", INSERT, p4.default_of(basic.L2), INVALID, ["default entry", "MODIFY"]),
    ("delete default", DELETE, p4.default_of(basic.L2), INVALID, ["default entry"]),
    (
        "default with match",
        MODIFY,
        p4.tweaked(p4.HELD, lambda e: setattr(e, "is_default_action", True)),
        INVALID,
        ["no match"],
    ),
    (
        "const default",
        MODIFY,
        p4.tweaked(p4.default_of(basic.ACL), lambda e: setattr(e.action.action, "action_id", basic.DENY)),
        DENIED,
        ["ingress.acl", "const"],
    ),
    (
        "table-only action as default",
        MODIFY,
        p4.tweaked(
            p4.default_of(basic.L2),
            lambda e: (
                setattr(e.action.action, "action_id", basic.MULTICAST),
                params(e).add(param_id=1, value=b"\x01"),
            ),
        ),
        DENIED,
        ["ingress.multicast", "default"],
    ),
    (
        "insert into a keyless table",
        INSERT,
        p4.tweaked(p4.default_of(basic.SETTINGS), lambda e: setattr(e, "is_default_action", False)),
        INVALID,
        ["ingress.settings", "no key"],
    ),
    ("insert into a const table", INSERT, p4.fixed(3), DENIED, ["ingress.fixed", "const"]),
    ("delete from a const table", DELETE, p4.fixed(1, 2), DENIED, ["ingress.fixed", "const"]),
    (
        "modify a const entry",
        MODIFY,
        p4.tweaked(p4.fixed(1, 2), lambda e: setattr(e.action.action, "action_id", basic.DROP)),
        DENIED,
        ["const"],
    ),
    ("group 0", INSERT, p4.group(0, (1, 1)), INVALID, ["multicast group 0"]),
    ("group too large", INSERT, p4.group(70000, (1, 1)), INVALID, ["1..65535"]),
    ("group twice", INSERT, p4.group(9, (1, 1)), EXISTS, ["multicast group 9"]),
    ("group unknown", MODIFY, p4.group(8, (1, 1)), NOT_FOUND, ["multicast group 8"]),
    ("group delete unknown", DELETE, p4.group(8), NOT_FOUND, ["multicast group 8"]),
    ("replica twice", INSERT, p4.group(8, (1, 1), (1, 1)), INVALID, ["port 1, instance 1"]),
    ("replica port", INSERT, p4.group(8, (512, 1)), INVALID, ["port 512"]),
    ("replica instance", INSERT, p4.group(8, (1, 65536)), INVALID, ["instance 65536"]),
    ("too many replicas", INSERT, p4.group(8, *((p, 0) for p in range(65))), EXHAUSTED, ["65 replicas"]),
    ("register index", MODIFY, p4.register(basic.SEEN, 16, 1), OUT_OF_RANGE, ["index 16", "ingress.seen", "0..15"]),
    ("register negative index", MODIFY, p4.register(basic.SEEN, -1, 1), INVALID, ["index -1"]),
    ("register value", MODIFY, p4.register(basic.OCTETS, 0, 1 << 48), OUT_OF_RANGE, ["48 bits"]),
    ("register signed value", MODIFY, p4.register(basic.LEVEL, 0, -2049), OUT_OF_RANGE, ["12 bits"]),
    ("register without data", MODIFY, p4.register(basic.SEEN, 0), INVALID, ["ingress.seen", "bitstring"]),
    ("register insert", INSERT, p4.register(basic.SEEN, 0, 1), INVALID, ["modified"]),
    ("register unknown", MODIFY, p4.register(1, 0, 1), NOT_FOUND, ["no register with id 1"]),
    ("counter index", MODIFY, p4.counter(basic.PORT_COUNTER, 16, 1), OUT_OF_RANGE, ["index 16"]),
    ("counter delete", DELETE, p4.counter(basic.PORT_COUNTER, 1), INVALID, ["modified"]),
    ("counter negative", MODIFY, p4.counter(basic.PORT_COUNTER, 1, -1), INVALID, ["negative"]),
    ("counter unknown", MODIFY, p4.counter(1, 1, 1), NOT_FOUND, ["no counter with id 1"]),
]


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest, basic_object: bytes) -> Iterator[p4.Client]:
    """One switch without ports for every refused update: none of them changes it."""
    with serving({}, basic_object) as running:
        client = p4.Client(running.address)
        client.push()
        client.insert(p4.HELD, p4.HELD_ROUTE, p4.HELD_ACL, p4.group(9, (1, 1)))
        yield client
        client.close()


@pytest.mark.parametrize("case", REFUSED, ids=[c[0] for c in REFUSED])
def test_refused_update(shared: p4.Client, case: tuple[str, int, p4r.Entity, int, list[str]]) -> None:
    _, kind, entity, code, words = case
    before = shared.read(p4.everything_in())
    with pytest.raises(grpc.RpcError) as failure:
        shared.write(p4r.Update(type=INSERT, entity=p4.HELD), p4r.Update(type=kind, entity=entity))
    assert failure.value.code() is Status.UNKNOWN
    first, second = p4.errors(failure.value)
    assert first.canonical_code == EXISTS
    assert (second.canonical_code, second.space) == (code, "rackplane"), second.message
    assert second.message.startswith("update #1"), second.message
    for word in words:
        assert word in second.message
    assert shared.read(p4.everything_in()) == before


def test_batch_goes_on_after_an_error(client: p4.Client) -> None:
    client.insert(p4.HELD)
    with pytest.raises(grpc.RpcError) as failure:
        client.insert(p4.l2(1, 1), p4.HELD, p4.l2(2, 2))
    assert [e.canonical_code for e in p4.errors(failure.value)] == [OK, EXISTS, OK]
    assert client.read(p4.everything_in(basic.L2)) == [p4.HELD, p4.l2(1, 1), p4.l2(2, 2)]


ROLLBACK = p4r.WriteRequest.ROLLBACK_ON_ERROR
DATAPLANE_ATOMIC = p4r.WriteRequest.DATAPLANE_ATOMIC


def test_rollback_on_error_undoes_everything(client: p4.Client) -> None:
    held = [p4.HELD, p4.HELD_ROUTE, p4.HELD_ACL]
    client.insert(*held)
    before = client.read(p4.everything_in(), p4.default_of(basic.L2))
    new_default = p4.tweaked(p4.default_of(basic.L2), lambda e: e.action.CopyFrom(p4.l2(0, 3).table_entry.action))
    updates = [
        p4r.Update(type=DELETE, entity=p4.HELD),
        p4r.Update(type=INSERT, entity=p4.l2(1, 1)),
        p4r.Update(type=MODIFY, entity=p4.route(0x0A000000, 8, 3)),
        p4r.Update(type=DELETE, entity=p4.HELD_ACL),
        p4r.Update(type=INSERT, entity=p4.acl(7, protocol=1)),
        p4r.Update(type=MODIFY, entity=new_default),
        p4r.Update(type=INSERT, entity=p4.l2(1, 1)),
    ]
    with pytest.raises(grpc.RpcError) as failure:
        client.write(*updates, atomicity=ROLLBACK)
    assert [e.canonical_code for e in p4.errors(failure.value)] == [ABORTED] * 6 + [EXISTS]
    key = p4r.Entity.SerializeToString
    assert sorted(client.read(p4.everything_in(), p4.default_of(basic.L2)), key=key) == sorted(before, key=key)
    client.write(*updates[:-1], atomicity=ROLLBACK)
    assert client.read(p4.everything_in(basic.L2)) == [p4.l2(1, 1)]


def counted(route: p4r.Entity, packets: int) -> p4r.Entity:
    return p4.tweaked(route, lambda e: setattr(e.counter_data, "packet_count", packets))


def direct(packets: int) -> p4r.Entity:
    """The direct counter of HELD_ROUTE."""
    entity = p4r.Entity()
    entity.direct_counter_entry.table_entry.CopyFrom(p4.HELD_ROUTE.table_entry)
    entity.direct_counter_entry.data.packet_count = packets
    return entity


# Updates of everything that is no table entry, on top of EARLIER.
EARLIER = [
    p4r.Update(type=INSERT, entity=counted(p4.HELD_ROUTE, 50)),
    p4r.Update(type=INSERT, entity=p4.group(1, (1, 1))),
    p4r.Update(type=INSERT, entity=p4.group(2, (2, 2))),
    p4r.Update(type=MODIFY, entity=p4.register(basic.SEEN, 3, 30)),
    p4r.Update(type=MODIFY, entity=p4.register(basic.LEVEL, 1, -9)),
    p4r.Update(type=MODIFY, entity=p4.register(basic.LAST_HEADER, 0, 1 << 100)),
    p4r.Update(type=MODIFY, entity=p4.counter(basic.PORT_COUNTER, 2, 20)),
]
OTHERS: dict[str, list[p4r.Update]] = {
    "new group": [p4r.Update(type=INSERT, entity=p4.group(9, (1, 1)))],
    "changed group": [p4r.Update(type=MODIFY, entity=p4.group(1, (2, 7), (3, 8)))],
    "group gone": [p4r.Update(type=DELETE, entity=p4.group(2))],
    "group gone and back": [
        p4r.Update(type=DELETE, entity=p4.group(2)),
        p4r.Update(type=INSERT, entity=p4.group(2, (3, 3))),
    ],
    "register element": [p4r.Update(type=MODIFY, entity=p4.register(basic.SEEN, 3, 31))],
    "register twice": [p4r.Update(type=MODIFY, entity=p4.register(basic.SEEN, 3, v)) for v in (1, 2)],
    "whole register": [p4r.Update(type=MODIFY, entity=p4.register(basic.LEVEL, None, 5))],
    "wide register": [p4r.Update(type=MODIFY, entity=p4.register(basic.LAST_HEADER, 0, 7))],
    "counter cell": [p4r.Update(type=MODIFY, entity=p4.counter(basic.PORT_COUNTER, 2, 1))],
    "whole counter": [p4r.Update(type=MODIFY, entity=p4.counter(basic.PORT_COUNTER, None, 1))],
    "direct counter": [p4r.Update(type=MODIFY, entity=direct(51))],
    "counter in the entry": [p4r.Update(type=MODIFY, entity=counted(p4.HELD_ROUTE, 52))],
    "counter of a new entry": [
        p4r.Update(type=INSERT, entity=counted(p4.route(0x0B000000, 8, 3), 4)),
        p4r.Update(type=DELETE, entity=p4.HELD_ROUTE),
    ],
}


def whole_state(client: p4.Client) -> list[bytes]:
    entries = p4r.Entity()
    entries.table_entry.counter_data.SetInParent()
    whole = [entries, p4.group(0), p4.register(0), p4.counter(0)]
    return sorted(e.SerializeToString() for e in client.read(*whole))


@pytest.mark.parametrize("updates", OTHERS.values(), ids=OTHERS.keys())
def test_rollback_undoes_every_kind_of_entity(client: p4.Client, updates: list[p4r.Update]) -> None:
    client.write(*EARLIER)
    before = whole_state(client)
    refused = p4r.Update(type=MODIFY, entity=p4.NEW)
    with pytest.raises(grpc.RpcError) as failure:
        client.write(*updates, refused, atomicity=ROLLBACK)
    codes = [e.canonical_code for e in p4.errors(failure.value)]
    assert codes == [ABORTED] * len(updates) + [NOT_FOUND]
    assert whole_state(client) == before
    client.write(*updates, atomicity=ROLLBACK)
    assert whole_state(client) != before


@pytest.mark.parametrize(
    ("atomicity", "entities", "code"),
    [
        (DATAPLANE_ATOMIC, [p4.HELD], None),
        (DATAPLANE_ATOMIC, [p4.HELD, p4.NEW], Status.UNIMPLEMENTED),
        (7, [p4.HELD], Status.INVALID_ARGUMENT),
    ],
)
def test_atomicity(client: p4.Client, atomicity: int, entities: list[p4r.Entity], code: Status | None) -> None:
    updates = [p4r.Update(type=INSERT, entity=e) for e in entities]
    if code is None:
        client.write(*updates, atomicity=atomicity)
        return
    with pytest.raises(grpc.RpcError) as failure:
        client.write(*updates, atomicity=atomicity)
    assert failure.value.code() is code
    assert client.read(p4.everything_in(basic.L2)) == []


def test_table_size_is_a_limit(client: p4.Client) -> None:
    entries = [p4.acl(1, src=(i << 8, 0xFFFFFF00)) for i in range(basic.ACL_SIZE)]
    client.insert(*entries)
    with pytest.raises(grpc.RpcError) as failure:
        client.insert(p4.acl(1, src=(0x0B000000, 0xFFFFFF00)))
    (error,) = p4.errors(failure.value)
    assert error.canonical_code == EXHAUSTED
    assert "256 entries" in error.message
    client.delete(entries[0])
    client.insert(p4.acl(1, src=(0x0B000000, 0xFFFFFF00)))


def test_mask_groups_are_a_limit(client: p4.Client) -> None:
    client.insert(*(p4.acl(1, src=(0, 1 << i)) for i in range(basic.ACL_GROUPS)))
    with pytest.raises(grpc.RpcError) as failure:
        client.insert(p4.acl(1, src=(0, 1 << 20)))
    (error,) = p4.errors(failure.value)
    assert error.canonical_code == EXHAUSTED
    assert "masks" in error.message
