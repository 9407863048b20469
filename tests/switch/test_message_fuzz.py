"""Messages made up field by field, on programs with every kind of entity: each gets a status, and it goes on."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
import switch_client as p4
from compiled_program import CompiledProgram
from finsy.proto import U128, p4i, p4r
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from switch_hosts import serving

pytestmark = pytest.mark.root

PROGRAMS = ["learning", "restricted", "meters", "selectors", "value_sets"]
SOUND = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
RUNS = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
FEW_RUNS = settings(RUNS, max_examples=15)
INTERNAL = 13


class Subject:
    """A running switch and the numbers that its program knows."""

    def __init__(self, client: p4.Client, program: CompiledProgram) -> None:
        self.client = client
        self.program = program
        info = program.p4info
        groups = (info.tables, info.actions, info.counters, info.meters, info.registers, info.digests)
        profiles = (info.action_profiles, info.value_sets)
        self.ids = [each.preamble.id for group in (*groups, *profiles) for each in group]
        self.everything = [p4r.Entity() for _ in p4r.Entity.DESCRIPTOR.fields]
        for entity, field in zip(self.everything, p4r.Entity.DESCRIPTOR.fields, strict=True):
            getattr(entity, field.name).SetInParent()


@pytest.fixture(scope="module", params=PROGRAMS)
def subject(request: pytest.FixtureRequest, basic_object: bytes) -> Iterator[Subject]:
    program = CompiledProgram(request.param)
    with serving({}, basic_object) as running:
        running.programs[program.config] = (program.image, program.manifest)
        client = p4.Client(running.address)
        client.push(program.config, p4info=program.p4info)
        yield Subject(client, program)
        client.close()


NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 9, 64, 1 << 16, (1 << 31) - 1, -1, -(1 << 31)])
BYTES = st.sampled_from(
    [b"", b"\0", b"\1", b"\2", b"\5", b"\0\1", b"\xff", b"\xff\xff", b"\1" * 6, b"\0" * 20, b"x" * 99]
)
_UNSIGNED = (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64)


def scalar(draw: st.DrawFn, field: FieldDescriptor, ids: list[int]) -> object:
    match field.type:
        case FieldDescriptor.TYPE_BYTES:
            return draw(BYTES)
        case FieldDescriptor.TYPE_STRING:
            return draw(st.sampled_from(["", "x", "p4"]))
        case FieldDescriptor.TYPE_BOOL:
            return draw(st.booleans())
        case FieldDescriptor.TYPE_ENUM:
            return draw(st.integers(0, 4))
    if field.name.endswith("_id") and draw(st.integers(0, 4)):
        return draw(st.sampled_from([*ids, 1, 2, 3]))
    number = draw(NUMBERS)
    return abs(number) if field.type in _UNSIGNED else number


def _skipped(field: FieldDescriptor) -> bool:
    """Maps, and messages of any type."""
    kind = field.message_type
    return kind is not None and (kind.GetOptions().map_entry or kind.full_name == "google.protobuf.Any")


def fill(draw: st.DrawFn, message: Message, ids: list[int], depth: int = 0) -> None:
    """Set fields of a message, some of them, one of each oneof."""
    kind: Descriptor = message.DESCRIPTOR
    chosen = {draw(st.sampled_from(list(group.fields))).name for group in kind.oneofs if draw(st.integers(0, 9))}
    for field in kind.fields:
        wanted = field.name in chosen if field.containing_oneof else draw(st.integers(0, 3)) > 0
        if not wanted or depth > 7 or _skipped(field):
            continue
        if field.is_repeated:
            for _ in range(draw(st.integers(0, 2))):
                if field.message_type:
                    fill(draw, getattr(message, field.name).add(), ids, depth + 1)
                else:
                    getattr(message, field.name).append(scalar(draw, field, ids))
        elif field.message_type:
            inner = getattr(message, field.name)
            inner.SetInParent()
            fill(draw, inner, ids, depth + 1)
        else:
            setattr(message, field.name, scalar(draw, field, ids))


def entry_of(draw: st.DrawFn, table: p4i.Table, actions: dict[int, p4i.Action]) -> p4r.TableEntry:
    """An entry that may well be right."""
    entry = p4r.TableEntry(table_id=table.preamble.id, priority=draw(st.sampled_from([0, 1, 5])))
    for field in table.match_fields:
        match = entry.match.add(field_id=field.id)
        value = draw(st.integers(0, 3)).to_bytes(1, "big")
        match field.match_type:
            case p4i.MatchField.EXACT:
                match.exact.value = value
            case p4i.MatchField.LPM:
                match.lpm.value, match.lpm.prefix_len = value, field.bitwidth
            case p4i.MatchField.TERNARY:
                match.ternary.value, match.ternary.mask = value, b"\3"
            case p4i.MatchField.RANGE:
                match.range.low, match.range.high = value, b"\3"
            case _:
                match.optional.value = value
    if table.action_refs and not table.implementation_id and draw(st.integers(0, 5)):
        action = actions[draw(st.sampled_from(list(table.action_refs))).id]
        entry.action.action.action_id = action.preamble.id
        for param in action.params:
            entry.action.action.params.add(param_id=param.id, value=draw(BYTES))
    return entry


@st.composite
def entities(draw: st.DrawFn, subject: Subject) -> p4r.Entity:
    entity = p4r.Entity()
    info = subject.program.p4info
    if info.tables and draw(st.booleans()):
        table = draw(st.sampled_from(list(info.tables)))
        entity.table_entry.CopyFrom(entry_of(draw, table, {a.preamble.id: a for a in info.actions}))
        if draw(st.integers(0, 3)) == 0:
            fill(draw, entity.table_entry, subject.ids)
    else:
        fill(draw, entity, subject.ids)
    return entity


def sound(failure: grpc.RpcError, count: int) -> None:
    """A status that says something: no internal error, and one answer for each element of a batch."""
    assert failure.code() in SOUND, f"{failure.code()}: {failure.details()}"
    answers = p4.errors(failure)
    assert failure.code() is not grpc.StatusCode.UNKNOWN or len(answers) == count, failure.details()
    for answer in answers:
        assert answer.canonical_code != INTERNAL, answer.message
        assert bool(answer.message) is bool(answer.canonical_code)


@RUNS
@given(data=st.data())
def test_writes_and_reads(subject: Subject, data: st.DataObject) -> None:
    made = data.draw(st.lists(entities(subject), min_size=1, max_size=4))
    kinds = data.draw(st.lists(st.integers(0, 4), min_size=len(made), max_size=len(made)))
    updates = [p4r.Update(type=kind, entity=entity) for kind, entity in zip(kinds, made, strict=True)]
    before = subject.client.read(*subject.everything[1:])
    atomicity = data.draw(st.sampled_from([0, 1, 1, 2, 3]))
    try:
        subject.client.write(*updates, atomicity=atomicity)
    except grpc.RpcError as e:
        sound(e, len(updates))
        if atomicity:
            assert _settled(subject.client.read(*subject.everything[1:])) == _settled(before)
    try:
        subject.client.read(*made)
    except grpc.RpcError as e:
        sound(e, len(made))


def _settled(entities_: list[p4r.Entity]) -> list[bytes]:
    return sorted(e.SerializeToString(deterministic=True) for e in entities_)


@RUNS
@given(data=st.data())
def test_streams(subject: Subject, data: st.DataObject) -> None:
    """Controllers of a role of their own, which say anything."""
    stub, requests = subject.client.stub, []
    for _ in range(data.draw(st.integers(1, 4))):
        request = p4r.StreamMessageRequest()
        fill(data.draw, request, subject.ids)
        if request.HasField("arbitration"):
            request.arbitration.role.name = "fuzz"
        requests.append(request)
    try:
        list(stub.StreamChannel(iter(requests), timeout=10))
    except grpc.RpcError as e:
        assert e.code() in SOUND - {grpc.StatusCode.UNKNOWN}, f"{e.code()}: {e.details()}"


@FEW_RUNS
@given(data=st.data())
def test_configs(subject: Subject, data: st.DataObject) -> None:
    """Changed P4Info with the program's own device config: taken or refused, never half taken."""
    request = subject.client.config_request(data.draw(st.integers(0, 6)))
    request.config.p4info.CopyFrom(subject.program.p4info)
    request.config.p4_device_config = subject.program.config
    info = request.config.p4info
    victim: Message = data.draw(st.sampled_from([*info.tables, *info.actions, *info.digests, info.type_info]))
    if data.draw(st.booleans()):
        fill(data.draw, victim, subject.ids, depth=4)
    try:
        subject.client.stub.SetForwardingPipelineConfig(request, timeout=20)
    except grpc.RpcError as e:
        assert e.code() in SOUND - {grpc.StatusCode.UNKNOWN}, f"{e.code()}: {e.details()}"
    subject.client.push(subject.program.config, p4info=subject.program.p4info)


def test_the_switch_still_works(subject: Subject) -> None:
    """After all that, what can be read can be read, and requests carry the primary's election id."""
    subject.client.read(*subject.everything[1:])
    assert subject.client.election_id == U128.decode(U128.encode(1))
