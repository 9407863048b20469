"""Updates done by templates end as those done the ordinary way: same entries, same kernel maps, same errors."""

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
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.p4runtime.templates import Templates
from rackplane.switch.p4runtime.wire import fields, split_write_request, varint
from rackplane.switch.p4runtime.write import Writer
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.tables import Table

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE


@pytest.fixture(scope="module")
def twins(basic_object: bytes) -> Iterator[tuple[Pipeline, Pipeline]]:
    pair = [pipeline.load(basic_object, basic.manifest(), basic.p4info(), {}) for _ in range(2)]
    yield pair[0], pair[1]
    for each in pair:
        each.close()


class Forgetful(Templates):
    """Templates that never learn: every update goes the ordinary way."""

    def learn(self, update: bytes, table: Table) -> None:
        pass


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


@pytest.mark.root
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(updates(), min_size=1, max_size=12), st.sampled_from([0, 0, 1])), max_size=8))
def test_templates_change_nothing(
    twins: tuple[Pipeline, Pipeline], batches: list[tuple[list[p4r.Update], int]]
) -> None:
    quick, plain = Writer(twins[0]), Writer(twins[1], Forgetful())
    for batch, atomicity in batches:
        data = [u.SerializeToString() for u in batch]
        assert outcome(quick, data, atomicity) == outcome(plain, data, atomicity)
        assert contents(twins[0]) == contents(twins[1])


@pytest.mark.root
def test_templates_are_used(twins: tuple[Pipeline, Pipeline]) -> None:
    """What is said above would be empty if no update went by a template."""
    table = twins[0].tables[basic.L2]
    templates = Templates()
    first, second = (
        p4r.Update(type=INSERT, entity=p4.l2(0x0A_0000_0000 + i, 2)).SerializeToString() for i in range(2)
    )
    table.insert(p4r.Update.FromString(first).entity)
    assert templates.apply(second) is None
    templates.learn(first, table)
    assert templates.apply(second) is table
    assert templates.apply(second) is None, "it exists by now"
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
