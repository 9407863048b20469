"""Plain updates end as those done the ordinary way: same entries, same kernel maps, same errors."""

from __future__ import annotations

from collections.abc import Iterator

import basic_program as basic
import pytest
import switch_client as p4
from finsy.proto import p4r
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rackplane.switch import pipeline
from rackplane.switch.errors import RequestError
from rackplane.switch.fanout import Devices
from rackplane.switch.p4runtime.plain import PlainDecoder
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.p4runtime.wire import fields, split_write_request, varint
from rackplane.switch.p4runtime.write import Writer
from rackplane.switch.pipeline import Pipeline

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE


@pytest.fixture(scope="module")
def twins(basic_object: bytes) -> Iterator[tuple[Pipeline, Pipeline]]:
    pair = [pipeline.load(basic_object, basic.manifest(), basic.p4info(), Devices({})) for _ in range(2)]
    yield pair[0], pair[1]
    for each in pair:
        each.close()


addresses = st.sampled_from([0, 1, 0xFF, 0x100, 0x0A000000, 0x0A000001, 0x0AFF0000, 0xFFFFFFFF])
padded = st.integers(0, 2)


@st.composite
def updates(draw: st.DrawFn) -> p4r.Update:
    kind = draw(st.sampled_from([INSERT, INSERT, INSERT, MODIFY, DELETE, 0]))
    port = draw(st.sampled_from([0, 1, 255, 256, 511, 512]))
    value = draw(addresses)
    if draw(st.booleans()):
        length = draw(st.sampled_from([0, 8, 16, 24, 32]))
        entity = p4.route(value, length, port, mac=draw(st.sampled_from([0, 0x80, 0x0200_0000_0001, 1 << 47])))
    else:
        entity = p4.l2(value, port) if draw(st.booleans()) else p4.l2(value, cpu=True)
    entry = entity.table_entry
    for data in [m.exact for m in entry.match if m.HasField("exact")] + list(entry.action.action.params):
        data.value = bytes(draw(padded)) + data.value
    entry.metadata = draw(st.sampled_from([b"", b"", b"a", b"b"]))
    if draw(st.integers(0, 9)) == 0:
        entry.priority = 3
    if draw(st.integers(0, 9)) == 0:
        entry.counter_data.packet_count = 5
    if draw(st.integers(0, 9)) == 0:
        entry.ClearField("action")
    return p4r.Update(type=kind, entity=entity)


def outcome(writer: Writer, batch: list[bytes], atomicity: int) -> list[tuple[int, int, str]]:
    try:
        writer.write(atomicity, batch)
    except BatchError as e:
        return [(i, error.code, str(error)) for i, error in e.errors.items()]
    return []


def contents(program: Pipeline) -> list[object]:
    tables = [program.tables[number] for number in (basic.L2, basic.ROUTES)]
    found: list[object] = []
    for table in tables:
        kernel = program.loaded.map(table.layout.map)
        found.append({k: (e.wire, e.action_id, e.value[8:]) for k, e in table.entries.items()})
        found.append({k: (kernel.get(k) or b"")[8:] for k in table.entries})
        if table.direct.counters:
            assert len({e.handle for e in table.entries.values()}) == len(table.entries)
    return found


def both_ways(twins: tuple[Pipeline, Pipeline], data: list[bytes], atomicity: int) -> None:
    quick, ordinary = Writer(twins[0]), Writer(twins[1], PlainDecoder(()))
    assert outcome(quick, data, atomicity) == outcome(ordinary, data, atomicity)
    assert contents(twins[0]) == contents(twins[1])


@pytest.mark.root
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(updates(), min_size=1, max_size=12), st.sampled_from([0, 0, 1])), max_size=8))
def test_plain_updates_change_nothing(
    twins: tuple[Pipeline, Pipeline], batches: list[tuple[list[p4r.Update], int]]
) -> None:
    for batch, atomicity in batches:
        both_ways(twins, [u.SerializeToString() for u in batch], atomicity)


def mangled(data: bytes, at: int, how: int) -> bytes:
    """An update with something that protobuf would not write, or nothing that it reads."""
    at %= len(data)
    return [
        data[:at],
        data[:at] + bytes((data[at] ^ 1 << how % 8,)) + data[at + 1 :],
        data[:at] + data[at + 1 :],
        data[:at] + bytes((how,)) + data[at:],
        data[:2] + b"\x12" + bytes((data[3] | 0x80, 0)) + data[4:],
        data + b"\xf8\x07\x01",
        data + data,
        data[2:] + data[:2],
    ][how % 8]


@pytest.mark.root
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(updates(), st.booleans(), st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=12)
)
def test_mangled_updates_change_nothing(
    twins: tuple[Pipeline, Pipeline], batch: list[tuple[p4r.Update, bool, int, int]]
) -> None:
    wires = [(u.SerializeToString(), odd, at, how) for u, odd, at, how in batch]
    both_ways(twins, [mangled(data, at, how) if odd and data else data for data, odd, at, how in wires], 0)


@pytest.mark.root
@pytest.mark.parametrize(
    ("entity", "kinds", "plain"),
    [
        (p4.l2(0x0A_0000_0001, 2), (INSERT, MODIFY, DELETE), True),
        (p4.l2(0x0A_0000_0001, 511), (INSERT, MODIFY, DELETE), True),
        (p4.l2(0x0A_0000_0001, 512), (INSERT, MODIFY), False),
        (p4.l2(1 << 48, 2), (INSERT, MODIFY, DELETE), False),
        (p4.route(0x0A000000, 8, 2), (INSERT, MODIFY, DELETE), True),
        (p4.route(0x0A0B0C00, 23, 2), (INSERT, MODIFY, DELETE), True),
        (p4.route(0x0A0B0D00, 23, 2), (INSERT, MODIFY, DELETE), False),
        (p4.route(0x0A0B0C0D, 32, 2), (INSERT, MODIFY, DELETE), True),
        (p4.route(0x0A0B0C0D, 33, 2), (INSERT, MODIFY, DELETE), False),
        (p4.route(0, 0, 2), (INSERT, MODIFY, DELETE), True),
    ],
)
def test_what_is_plain(
    twins: tuple[Pipeline, Pipeline], entity: p4r.Entity, kinds: tuple[p4r.Update.Type.ValueType, ...], plain: bool
) -> None:
    """What is said above would be empty if no update were plain."""
    decoder = PlainDecoder(twins[0].tables.values())
    found = decoder.decode([p4r.Update(type=kind, entity=entity).SerializeToString() for kind in kinds]).found
    assert [bool(row[0]) for row in found] == [plain] * len(kinds)


@pytest.mark.root
def test_an_update_is_plain_only_where_it_can_be_done(twins: tuple[Pipeline, Pipeline]) -> None:
    table = twins[0].tables[basic.L2]
    data = [
        p4r.Update(type=kind, entity=p4.l2(0x0B_0000_0001, 2)).SerializeToString()
        for kind in (DELETE, INSERT, INSERT, MODIFY, DELETE, DELETE)
    ]
    batch = PlainDecoder(twins[0].tables.values()).decode(data)
    done = [batch.apply(n) for n in range(len(data))]
    assert done == [None, table, None, table, table, None]
    table.flush()
    table.commit()


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(0, 1 << 64 - 1), st.text(max_size=5))
def test_splitting_a_write_request(parts: list[bytes], device_id: int, role: str) -> None:
    head = p4r.WriteRequest(device_id=device_id, role=role).SerializeToString()
    body = b"".join(b"\x22" + varint(len(part)) + part for part in parts)
    for data in (head + body, body + head):
        assert split_write_request(data) == (head, parts)


@given(st.binary(max_size=60))
def test_splitting_never_fails_otherwise(data: bytes) -> None:
    try:
        split_write_request(data)
        list(fields(data, 0, len(data)))
    except (RequestError, IndexError) as e:
        assert str(e)
