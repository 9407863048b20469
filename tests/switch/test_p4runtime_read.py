"""Read, counters and registers, case by case."""

from __future__ import annotations

import itertools

import basic_program as basic
import grpc
import pytest
import switch_client as p4
from finsy.proto import p4r
from grpc import StatusCode as Status

pytestmark = pytest.mark.root
OK, INVALID, NOT_FOUND, EXISTS, DENIED, EXHAUSTED = 0, 3, 5, 6, 7, 8
ABORTED, OUT_OF_RANGE, UNIMPLEMENTED = 10, 11, 12
CONST = 2


def match0(e: p4r.TableEntry) -> p4r.FieldMatch:
    return e.match[0]


def params(e: p4r.TableEntry) -> list[p4r.Action.Param]:
    return e.action.action.params


def test_entries_are_read_as_they_were_written(client: p4.Client) -> None:
    entries = [
        p4.HELD,
        p4.l2(0, cpu=True),
        p4.HELD_ROUTE,
        p4.route(0, 0, 3),
        p4.HELD_ACL,
        p4.acl(9),
        p4.acl(8, ports=(3, 77)),
    ]
    for entity in [p4.tweaked(e, lambda t: setattr(t, "metadata", b"mine")) for e in entries]:
        client.insert(entity)
        (found,) = [e for e in client.read(p4.everything_in(entity.table_entry.table_id)) if e == entity]
        assert found == entity


def test_values_are_made_canonical(client: p4.Client) -> None:
    long = p4.l2(b"\0\0\0\0\0\0\0\x02\x00", 2)
    params(long.table_entry)[0].value = b"\0\0\0\x02"
    client.insert(long)
    assert client.read(p4.everything_in(basic.L2)) == [p4.HELD]
    with pytest.raises(grpc.RpcError):
        client.insert(p4.HELD)


def test_ports_of_replicas_are_made_canonical(client: p4.Client) -> None:
    long, session = p4.group(3, (1, 5)), p4r.Entity()
    long.packet_replication_engine_entry.multicast_group_entry.replicas[0].port = b"\0\0\1"
    clone = session.packet_replication_engine_entry.clone_session_entry
    clone.session_id = 4
    clone.replicas.add(port=b"\0\2", instance=1)
    client.insert(long, session)
    assert client.read(p4.group(3)) == [p4.group(3, (1, 5))]
    clone.replicas[0].port = b"\2"
    assert client.read(session) == [session]


def test_filters_agree_with_each_other(client: p4.Client) -> None:
    """Every filter against what it means, on the entries that are there."""
    metadata = [b"", b"a", b"b"]
    actions = [basic.DENY, basic.PERMIT]
    entries = []
    for number in range(24):
        entity = p4.acl(1 + number % 4, deny=number % 2 == 0, protocol=number // 4)
        entity.table_entry.metadata = metadata[number % 3]
        entity.table_entry.controller_metadata = number % 5
        entries.append(entity)
    client.insert(*entries)
    requests, expected = [], []
    for number, priority, mine, cookie, protocol in itertools.product(
        [0, *actions], [0, 2], metadata, [0, 3], [None, 2]
    ):
        wanted = p4.everything_in(basic.ACL)
        entry = wanted.table_entry
        entry.priority, entry.metadata, entry.controller_metadata = priority, mine, cookie
        if number:
            entry.action.action.action_id = number
        if protocol is not None:
            entry.match.add(field_id=3).optional.value = bytes((protocol,))
        requests.append(wanted)
        expected += [e for e in entries if _agrees(e.table_entry, entry)]
    found = client.read(*requests)
    key = p4r.Entity.SerializeToString
    assert sorted(map(key, found)) == sorted(map(key, expected))
    assert len(found) > len(entries)


def _agrees(entry: p4r.TableEntry, wanted: p4r.TableEntry) -> bool:
    return (
        (not wanted.priority or wanted.priority == entry.priority)
        and (not wanted.metadata or wanted.metadata == entry.metadata)
        and (not wanted.controller_metadata or wanted.controller_metadata == entry.controller_metadata)
        and (not wanted.match or list(wanted.match) == list(entry.match))
        and (not wanted.HasField("action") or wanted.action.action.action_id == entry.action.action.action_id)
    )


def test_modify_without_action_keeps_it(client: p4.Client) -> None:
    client.insert(p4.HELD)
    client.modify(p4.tweaked(p4.HELD, lambda e: (e.ClearField("action"), setattr(e, "metadata", b"x"))))
    assert client.read(p4.everything_in(basic.L2)) == [p4.tweaked(p4.HELD, lambda e: setattr(e, "metadata", b"x"))]


def _priority(value: int) -> p4r.Entity:
    return p4.tweaked(p4.everything_in(basic.ACL), lambda e: setattr(e, "priority", value))


READS: list[tuple[str, p4r.Entity, int]] = [
    ("all tables", p4.everything_in(), len(p4.SOME) + CONST),
    ("one table", p4.everything_in(basic.L2), 2),
    ("one entry", p4.HELD, 1),
    ("one ternary entry", p4.HELD_ACL, 1),
    ("no such entry", p4.l2(0x0999), 0),
    ("const entries", p4.everything_in(basic.FIXED), CONST),
    ("by priority", _priority(9), 1),
    (
        "by action",
        p4.tweaked(p4.everything_in(basic.L2), lambda e: setattr(e.action.action, "action_id", basic.TO_CPU)),
        1,
    ),
    ("by metadata", p4.tweaked(p4.everything_in(basic.L2), lambda e: setattr(e, "metadata", b"a")), 0),
    (
        "by controller metadata",
        p4.tweaked(p4.everything_in(basic.L2), lambda e: setattr(e, "controller_metadata", 3)),
        0,
    ),
    (
        "match without priority",
        p4.tweaked(p4.HELD_ACL, lambda e: (e.ClearField("priority"), e.ClearField("action"))),
        1,
    ),
    ("match with another priority", p4.tweaked(p4.HELD_ACL, lambda e: setattr(e, "priority", 6)), 0),
    (
        "match and action",
        p4.tweaked(p4.HELD, lambda e: setattr(e.action.action, "action_id", basic.TO_CPU)),
        0,
    ),
    ("match and metadata", p4.tweaked(p4.HELD, lambda e: setattr(e, "metadata", b"x")), 0),
    ("default", p4.default_of(basic.L2), 1),
    ("default of every table", p4.default_of(0), 5),
    (
        "all groups",
        p4r.Entity(
            packet_replication_engine_entry=p4r.PacketReplicationEngineEntry(
                multicast_group_entry=p4r.MulticastGroupEntry()
            )
        ),
        2,
    ),
    ("one group", p4.group(4), 1),
    ("no such group", p4.group(5), 0),
    ("all counters", p4.counter(0), 16),
    ("one counter", p4.counter(basic.PORT_COUNTER), 16),
    ("one counter cell", p4.counter(basic.PORT_COUNTER, 3), 1),
    ("all registers", p4.register(0), 16 + 16 + 4 + 8),
    ("one register", p4.register(basic.SEEN), 16),
    ("one register element", p4.register(basic.SEEN, 3), 1),
    ("all direct counters", p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry()), 1),
    ("no meters here", p4r.Entity(meter_entry=p4r.MeterEntry()), 0),
]


@pytest.mark.parametrize(("what", "wanted", "count"), READS, ids=[c[0] for c in READS])
def test_read(filled: p4.Client, what: str, wanted: p4r.Entity, count: int) -> None:
    assert len(filled.read(wanted)) == count


READ_ERRORS = [
    ("no entity", p4r.Entity(), INVALID, "no entity"),
    ("unknown table", p4.everything_in(5), NOT_FOUND, "no table with id 5"),
    (
        "filter without table",
        p4.tweaked(p4.everything_in(), lambda e: setattr(e, "priority", 1)),
        INVALID,
        "table_id",
    ),
    (
        "controller metadata without table",
        p4.tweaked(p4.everything_in(), lambda e: setattr(e, "controller_metadata", 1)),
        INVALID,
        "table_id",
    ),
    ("bad match", p4.l2(b"", 2), OUT_OF_RANGE, "empty"),
    (
        "half a match",
        p4.tweaked(p4.fixed(1, 2), lambda e: (e.match.pop(0), e.ClearField("priority"))),
        INVALID,
        "meta.state is missing",
    ),
    (
        "default with a match",
        p4.tweaked(p4.HELD, lambda e: setattr(e, "is_default_action", True)),
        INVALID,
        "no match",
    ),
    ("unknown counter", p4.counter(7), NOT_FOUND, "counter with id 7"),
    ("counter index", p4.counter(basic.PORT_COUNTER, 99), OUT_OF_RANGE, "index 99"),
    ("negative index", p4.counter(basic.PORT_COUNTER, -1), INVALID, "index -1"),
    (
        "index of a table without direct counter",
        p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=p4.HELD.table_entry)),
        INVALID,
        "no direct counter",
    ),
    ("unknown register", p4.register(7), NOT_FOUND, "register with id 7"),
    ("register index", p4.register(basic.SEEN, 99), OUT_OF_RANGE, "index 99"),
    (
        "direct counter of no entry",
        p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=p4.route(0x0C000000, 8).table_entry)),
        NOT_FOUND,
        "no entry",
    ),
    ("extern", p4r.Entity(extern_entry=p4r.ExternEntry()), UNIMPLEMENTED, "extern_entry"),
]


@pytest.mark.parametrize(("what", "wanted", "code", "words"), READ_ERRORS, ids=[c[0] for c in READ_ERRORS])
def test_read_error(filled: p4.Client, what: str, wanted: p4r.Entity, code: int, words: str) -> None:
    request = p4r.ReadRequest(device_id=p4.DEVICE_ID, entities=[p4.HELD, wanted, p4.HELD])
    received = []
    with pytest.raises(grpc.RpcError) as failure:
        received += [e for response in filled.stub.Read(request, timeout=5) for e in response.entities]
    assert failure.value.code() is Status.UNKNOWN
    answers = p4.errors(failure.value)
    assert [a.canonical_code for a in answers] == [OK, code, OK]
    assert words in answers[1].message


def test_large_read_comes_in_bounded_messages(client: p4.Client) -> None:
    entries = [p4.l2(i, 2) for i in range(20000)]
    client.insert(*entries)
    request = p4r.ReadRequest(device_id=p4.DEVICE_ID, entities=[p4.everything_in(basic.L2)])
    responses = list(client.stub.Read(request, timeout=20))
    assert len(responses) > 2
    assert max(r.ByteSize() for r in responses) < 1 << 19
    assert [e for r in responses for e in r.entities] == entries


def test_direct_counter(client: p4.Client) -> None:
    with_data = p4.tweaked(p4.HELD_ROUTE, lambda e: setattr(e.counter_data, "packet_count", 7))
    client.insert(with_data)
    assert client.read(p4.everything_in(basic.ROUTES)) == [p4.HELD_ROUTE]
    asked = p4.tweaked(p4.everything_in(basic.ROUTES), lambda e: e.counter_data.SetInParent())
    assert client.read(asked) == [with_data]
    entity = p4r.Entity()
    entity.direct_counter_entry.table_entry.CopyFrom(p4.route(0x0A000000, 8).table_entry)
    entity.direct_counter_entry.data.byte_count = 11
    client.modify(entity)
    assert client.read(entity)[0].direct_counter_entry.data == p4r.CounterData(byte_count=11)
    client.delete(p4.HELD_ROUTE)
    client.insert(p4.HELD_ROUTE)
    assert client.read(asked)[0].table_entry.counter_data == p4r.CounterData()


@pytest.mark.parametrize(
    ("number", "size", "values"),
    [
        (basic.SEEN, 16, [0, 1, 0xFFFFFFFF]),
        (basic.OCTETS, 16, [0x123456, (1 << 48) - 1]),
        (basic.LAST_HEADER, 4, [0, 1 << 127, 0xABC]),
        (basic.LEVEL, 8, [0, 2047, -2048, -1]),
    ],
)
def test_register_writes(client: p4.Client, number: int, size: int, values: list[int]) -> None:
    for index, value in enumerate(values):
        client.modify(p4.register(number, index, value))
        assert client.read(p4.register(number, index)) == [p4.register(number, index, value)]
    client.modify(p4.register(number, None, values[-1]))
    assert client.read(p4.register(number)) == [p4.register(number, i, values[-1]) for i in range(size)]


def test_counter_writes(client: p4.Client) -> None:
    client.modify(p4.counter(basic.PORT_COUNTER, 3, 5))
    assert client.read(p4.counter(basic.PORT_COUNTER, 3))[0].counter_entry.data == p4r.CounterData(packet_count=5)
    client.modify(p4.counter(basic.PORT_COUNTER, None, 2))
    cells = client.read(p4.counter(basic.PORT_COUNTER))
    assert {c.counter_entry.data.packet_count for c in cells} == {2}
