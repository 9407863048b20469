"""Made-up input: every message gets a proper status, every manifest is taken or refused, the switch lives on."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator

import basic_program as basic
import grpc
import pytest
import switch_client as p4
from finsy.proto import U128, p4r
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from switch_hosts import serving

from rackplane.compiler.manifest import Manifest
from rackplane.compiler.manifest_json import ManifestError, from_json, to_json
from rackplane.switch import pipeline
from rackplane.switch.errors import SwitchError
from rackplane.switch.fanout import Devices

Json = object
pytestmark = pytest.mark.root

ENTITIES = [
    *p4.SOME,
    p4.group(3, (1, 1), (2, 2)),
    p4.register(basic.SEEN, 3, 5),
    p4.register(basic.LEVEL),
    p4.counter(basic.PORT_COUNTER, 1, 4),
    p4.default_of(basic.L2),
    p4.fixed(1, 2),
    p4r.Entity(direct_counter_entry=p4r.DirectCounterEntry(table_entry=p4.HELD_ROUTE.table_entry)),
]
PROPER = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
}
RUNS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def fuzzed(basic_object: bytes) -> Iterator[p4.Client]:
    """A switch of this file's own: fuzzed writes do change it."""
    with serving({}, basic_object) as running:
        client = p4.Client(running.address)
        client.push()
        yield client
        client.close()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change, drop, double or insert a few bytes."""
    raw = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(4):
            case 0 if at < len(raw):
                raw[at] = chance.randrange(256)
            case 1 if at < len(raw):
                del raw[at]
            case 2:
                raw[at:at] = raw[max(0, at - 8) : at]
            case _:
                raw[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
    return bytes(raw)


def check(failure: grpc.RpcError) -> None:
    assert failure.code() in PROPER, failure.details()
    assert "Unexpected" not in failure.details(), failure.details()


@RUNS
@given(st.integers(0, 1 << 62))
def test_writes(fuzzed: p4.Client, seed: int) -> None:
    chance = random.Random(seed)
    request = p4r.WriteRequest(device_id=p4.DEVICE_ID, election_id=U128.encode(fuzzed.election_id))
    for _ in range(chance.randint(1, 3)):
        entity = p4r.Entity()
        try:
            entity.ParseFromString(mutated(chance.choice(ENTITIES).SerializeToString(), chance))
        except DecodeError:
            entity.Clear()
        request.updates.add(type=chance.randint(0, 3), entity=entity)
    request.atomicity = chance.choice([0, 0, 1, 2])
    try:
        fuzzed.stub.Write(request, timeout=10)
    except grpc.RpcError as e:
        check(e)
        assert not p4.errors(e) or len(p4.errors(e)) == len(request.updates)


@RUNS
@given(st.integers(0, 1 << 62))
def test_raw_requests(fuzzed: p4.Client, seed: int) -> None:
    chance = random.Random(seed)
    entities = chance.sample(ENTITIES, 2)
    if chance.random() < 0.5:
        request = p4r.ReadRequest(device_id=p4.DEVICE_ID, entities=entities)
        call = fuzzed.channel.unary_stream("/p4.v1.P4Runtime/Read")
    else:
        request = p4r.WriteRequest(
            device_id=p4.DEVICE_ID,
            election_id=U128.encode(1),
            updates=[p4r.Update(type=chance.randint(1, 3), entity=e) for e in entities],
        )
        call = fuzzed.channel.unary_stream("/p4.v1.P4Runtime/Write")
    try:
        list(call(mutated(request.SerializeToString(), chance), timeout=10))
    except grpc.RpcError as e:
        check(e)


@RUNS
@given(st.integers(0, 1 << 62))
def test_stream_messages(fuzzed: p4.Client, seed: int) -> None:
    chance = random.Random(seed)
    packet = p4r.StreamMessageRequest()
    packet.packet.payload = b"x" * 60
    packet.packet.metadata.add(metadata_id=1, value=b"\x02")
    arbitration = p4r.StreamMessageRequest(
        arbitration=p4r.MasterArbitrationUpdate(device_id=p4.DEVICE_ID, election_id=p4r.Uint128(low=0))
    )
    requests = [mutated(chance.choice([packet, arbitration]).SerializeToString(), chance) for _ in range(3)]
    call = fuzzed.channel.stream_stream("/p4.v1.P4Runtime/StreamChannel")
    try:
        list(call(iter([r for r in requests if not _takes_over(r)]), timeout=10))
    except grpc.RpcError as e:
        check(e)


def _takes_over(data: bytes) -> bool:
    """Whether a stream message would make this controller the primary, which would end the other tests."""
    message = p4r.StreamMessageRequest()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return False
    update = message.arbitration
    return update.HasField("election_id") and U128.decode(update.election_id) > 0 and not update.role.name


def leaves(value: Json, path: tuple[Json, ...] = ()) -> list[tuple[Json, ...]]:
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in leaves(v, (*path, k))]
    if isinstance(value, list):
        return [path, *(leaf for i, v in enumerate(value) for leaf in leaves(v, (*path, i)))]
    return [path]


def put(value: Json, path: tuple[Json, ...], new: Json) -> None:
    if len(path) > 1:
        put(value[path[0]], path[1:], new)
    else:
        value[path[0]] = new


NUMBERS = [-1, 0, 1, 2, 3, 7, 8, 9, 16, 255, 1 << 16, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 1 << 200]
TEXTS = ["", "l2", "tx", "routes", "exact", "lpm", "ternary", "range", "hash", "code", ".data.ports", "nothing"]


@RUNS
@given(st.integers(0, 1 << 62))
def test_manifests(basic_object: bytes, seed: int) -> None:
    chance = random.Random(seed)
    value = json.loads(to_json(basic.manifest()))
    for _ in range(chance.randint(1, 2)):
        path = chance.choice(leaves(value))
        try:
            put(value, path, chance.choice([*NUMBERS, *TEXTS, [], None, True]))
        except (KeyError, IndexError, TypeError):
            continue
    try:
        manifest: Manifest = from_json(json.dumps(value))
    except ManifestError:
        return
    try:
        loaded = pipeline.load(basic_object, manifest, basic.p4info(), Devices())
    except SwitchError as e:
        assert str(e)
        return
    loaded.close()


def test_the_switch_lives_on(fuzzed: p4.Client) -> None:
    """Runs after the others in this file, on the same switch."""
    fuzzed.modify(p4.register(basic.SEEN, 0, 77))
    assert fuzzed.read(p4.register(basic.SEEN, 0)) == [p4.register(basic.SEEN, 0, 77)]
    assert dataclasses.is_dataclass(basic.manifest())
