"""Digests from packets to the stream: DigestEntry, DigestList, DigestListAck."""

from __future__ import annotations

import time

import grpc
import pytest
import switch_client as p4
from compiled_program import CompiledProgram
from finsy.proto import p4d, p4i, p4r, p4t
from google.protobuf import text_format
from switch_hosts import Links, Running

from rackplane.compiler.manifest import DigestField, DigestLayout
from rackplane.switch import libbpf
from rackplane.switch import pipeline as pipelines
from rackplane.switch.digestdata import DigestCodec
from rackplane.switch.errors import BundleError
from rackplane.switch.fanout import Devices
from rackplane.switch.maps import SharedMemory

SECOND = 10**9
LOOPBACK = 1
INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE


def frame(source: int, kind: int = 0x1234) -> bytes:
    return (b"\2\0\0\0\0\1" + source.to_bytes(6, "big") + kind.to_bytes(2, "big")).ljust(60, b"\0")


def config(program: CompiledProgram, name: str, timeout: int = 0, size: int = 0, ack: int = 0) -> p4r.Entity:
    entity = p4r.Entity()
    entity.digest_entry.digest_id = program.digest_id(name)
    wanted = entity.digest_entry.config
    wanted.max_timeout_ns, wanted.max_list_size, wanted.ack_timeout_ns = timeout, size, ack
    return entity


def sources(message: p4r.StreamMessageResponse) -> list[int]:
    return [int.from_bytes(d.struct.members[0].bitstring, "big") for d in message.digest.data]


@pytest.mark.root
def test_values_and_acks(bridge: p4.Client, links: Links, learning: CompiledProgram) -> None:
    bridge.insert(config(learning, "learn_t", ack=3600 * SECOND))
    links.hosts[2].send(frame(0x0A0000000005))
    message = bridge.stream.receive()
    digest = message.digest
    assert (digest.digest_id, digest.list_id) == (learning.digest_id("learn_t"), 1)
    assert digest.timestamp > 1_600_000_000 * SECOND
    (data,) = digest.data
    assert [m.bitstring for m in data.struct.members] == [
        bytes.fromhex("0a0000000005"),
        b"\x02",
        b"\xfb",
        bytes.fromhex("0123456789abcdef0123"),
    ]
    for _ in range(3):
        links.hosts[2].send(frame(0x0A0000000005))
    links.hosts[2].send(frame(6))
    assert sources(bridge.stream.receive()) == [6], "what is not acknowledged does not come again"
    ack = p4r.StreamMessageRequest()
    ack.digest_ack.digest_id, ack.digest_ack.list_id = digest.digest_id, digest.list_id
    bridge.stream.send(ack)
    bridge.read(config(learning, "learn_t"))
    for _ in range(100):  # the ack and the packet take different ways
        links.hosts[2].send(frame(0x0A0000000005))
        links.hosts[2].send(frame(6))
        if not bridge.stream.silent():
            break
    else:
        pytest.fail("an acknowledged message does not come again")
    bridge.delete(config(learning, "learn_t"))


@pytest.mark.root
def test_lists_are_filled_and_distinct(bridge: p4.Client, links: Links, learning: CompiledProgram) -> None:
    bridge.insert(config(learning, "learn_t", timeout=3600 * SECOND, size=3))
    for source in (1, 2, 2, 1, 3, 4):
        links.hosts[2].send(frame(source))
    assert sources(bridge.stream.receive()) == [1, 2, 3]
    assert bridge.stream.silent()
    bridge.modify(config(learning, "learn_t", timeout=1, size=100))
    assert sources(bridge.stream.receive()) == [4], "its time has come by the new configuration"
    links.hosts[2].send(frame(5))
    assert sources(bridge.stream.receive()) == [5]


@pytest.mark.root
def test_the_timeout_sends_what_there_is(bridge: p4.Client, links: Links, learning: CompiledProgram) -> None:
    bridge.insert(config(learning, "learn_t", timeout=SECOND // 20))
    links.hosts[2].send(frame(1))
    assert sources(bridge.stream.receive()) == [1]


@pytest.mark.root
def test_two_digests_and_their_entries(bridge: p4.Client, links: Links, learning: CompiledProgram) -> None:
    first, second = config(learning, "learn_t", 1, 2, 3), config(learning, "kind_t")
    bridge.insert(first, second)
    everything = p4r.Entity()
    everything.digest_entry.SetInParent()
    assert bridge.read(everything) == [first, second]
    assert bridge.read(config(learning, "kind_t")) == [second]
    bridge.delete(first)
    assert bridge.read(everything) == [second]
    links.hosts[2].send(frame(7, 0x9999))
    message = bridge.stream.receive()
    assert message.digest.digest_id == learning.digest_id("kind_t")
    assert message.digest.data[0].struct.members[0].bitstring == b"\x99\x99"
    bridge.push(learning.config, p4r.SetForwardingPipelineConfigRequest.RECONCILE_AND_COMMIT, learning.p4info)
    assert bridge.read(everything) == [second]
    links.hosts[2].send(frame(7, 0x9999))
    assert bridge.stream.receive().digest.digest_id == learning.digest_id("kind_t")


@pytest.mark.root
def test_lost_messages_are_told_in_the_log(
    bridge: p4.Client, switch: Running, learning: CompiledProgram, caplog: pytest.LogCaptureFixture
) -> None:
    """More at once than the ring holds: the program runs so often in one call that nobody can read meanwhile."""
    bridge.insert(config(learning, "learn_t", timeout=3600 * SECOND))
    pipeline = switch.device.pipeline
    assert pipeline is not None
    port_of_loopback = SharedMemory(pipeline.loaded.map(learning.manifest.maps.ports))
    port_of_loopback.words(2, learning.manifest.maps.max_ifindex)[LOOPBACK] = 2
    deadline = time.monotonic() + 60
    while "messages have found no room in the ring so far" not in caplog.text:
        assert time.monotonic() < deadline
        libbpf.test_run(pipeline.loaded.ingress_fd, frame(1), 400_000, LOOPBACK)


REFUSED = [
    ("not configured", MODIFY, {}, 5, "INSERT it first"),
    ("nothing to delete", DELETE, {}, 5, "is not configured"),
    ("negative timeout", INSERT, {"max_timeout_ns": -1}, 3, "max_timeout_ns of digest learn_t is -1"),
    ("negative size", INSERT, {"max_list_size": -1}, 3, "max_list_size"),
    ("negative ack", INSERT, {"ack_timeout_ns": -5}, 3, "ack_timeout_ns"),
]


@pytest.mark.root
def test_refused_entries(bridge: p4.Client, learning: CompiledProgram) -> None:
    for what, kind, changes, code, words in REFUSED:
        entity = config(learning, "learn_t")
        for name, value in changes.items():
            setattr(entity.digest_entry.config, name, value)
        _refused(bridge, p4r.Update(type=kind, entity=entity), code, words, what)
    bridge.insert(config(learning, "learn_t"))
    twice = p4r.Update(type=INSERT, entity=config(learning, "learn_t"))
    _refused(bridge, twice, 6, "already configured", "twice")
    for digest_id, code, words in ((5, 5, "no digest with id 5"), (0, 3, "digest id is missing")):
        entity = p4r.Entity()
        entity.digest_entry.digest_id = digest_id
        _refused(bridge, p4r.Update(type=INSERT, entity=entity), code, words, "unknown")
    message = p4r.StreamMessageRequest()
    message.digest_ack.digest_id = 5
    bridge.stream.send(message)
    error = bridge.stream.receive().error
    assert (error.canonical_code, error.digest_list_ack.digest_list_ack.digest_id) == (3, 5)


def _refused(client: p4.Client, update: p4r.Update, code: int, words: str, what: str) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        client.write(update)
    (error,) = p4.errors(failure.value)
    assert (error.canonical_code, words in error.message) == (code, True), f"{what}: {error}"


@pytest.mark.root
def test_a_rolled_back_batch_leaves_the_digest_as_it_was(bridge: p4.Client, learning: CompiledProgram) -> None:
    before = config(learning, "learn_t", 1, 2, 3)
    bridge.insert(before)
    for changes in (
        [p4r.Update(type=MODIFY, entity=config(learning, "learn_t", 9, 9, 9))],
        [p4r.Update(type=DELETE, entity=before), p4r.Update(type=INSERT, entity=config(learning, "kind_t"))],
    ):
        with pytest.raises(grpc.RpcError):
            bridge.write(*changes, p4r.Update(), atomicity=p4r.WriteRequest.ROLLBACK_ON_ERROR)
        everything = p4r.Entity()
        everything.digest_entry.SetInParent()
        assert bridge.read(everything) == [before]


@pytest.mark.root
def test_a_new_primary_is_told_again(
    bridge: p4.Client, switch: Running, links: Links, learning: CompiledProgram
) -> None:
    bridge.insert(config(learning, "learn_t", ack=3600 * SECOND))
    links.hosts[2].send(frame(1))
    assert sources(bridge.stream.receive()) == [1]
    second = p4.Client(switch.address, election_id=2)
    links.hosts[2].send(frame(1))
    assert sources(second.stream.receive()) == [1]
    second.close()


@pytest.mark.root
def test_a_full_ring_drops_and_counts(learning: CompiledProgram) -> None:
    """Digests that nobody reads for a while: those that do not fit are counted, and packets go on."""
    loaded = pipelines.load(learning.image, learning.manifest, learning.p4info, Devices({}))
    try:
        maps = learning.manifest.maps
        SharedMemory(loaded.loaded.map(maps.ports)).words(2, maps.max_ifindex)[LOOPBACK] = 2
        runs = 20000
        libbpf.test_run(loaded.loaded.ingress_fd, frame(1), runs, LOOPBACK)
        assert loaded.digests.lost() == {"learn_t": 0, "kind_t": 0}, "nobody wants them"
        loaded.digests.put(config(learning, "learn_t", size=1))
        libbpf.test_run(loaded.loaded.ingress_fd, frame(1), runs, LOOPBACK)
        loaded.digests.open()
        kept = 0
        while lists := list(loaded.digests.receive(512, 0)):
            kept += len(lists)
        assert 1000 < kept < runs
        assert loaded.digests.lost() == {"learn_t": runs - kept, "kind_t": 0}
    finally:
        loaded.close()


# Types in the P4Info and what the leaves 1, 2, 3 become.
TYPES: list[tuple[str, str, str, p4d.P4Data | str]] = [
    (
        "flat struct",
        'struct { name: "s" }',
        'structs { key: "s" value { members { name: "a" } members { name: "b" } members { name: "c" } } }',
        text_format.Parse(
            r'struct { members { bitstring: "\001" } members { bitstring: "\002" } members { bitstring: "\003" } }',
            p4d.P4Data(),
        ),
    ),
    (
        "tuple with a header",
        'tuple { members { header { name: "h" } } members { bitstring { bit { bitwidth: 8 } } } }',
        'headers { key: "h" value { members { name: "a" } members { name: "b" } } }',
        text_format.Parse(
            r'tuple { members { header { is_valid: true bitstrings: "\001" bitstrings: "\002" } }'
            r' members { bitstring: "\003" } }',
            p4d.P4Data(),
        ),
    ),
    (
        "bool, enum and error",
        'tuple { members { bool {} } members { enum { name: "e" } } members { error {} } }',
        'enums { key: "e" value { members { name: "x" } members { name: "y" } members { name: "z" } } }'
        ' error { members: "NoError" }',
        text_format.Parse(
            'tuple { members { bool: true } members { enum: "z" } members { error: "3" } }', p4d.P4Data()
        ),
    ),
    (
        "types of types",
        'tuple { members { new_type { name: "n" } } members { serializable_enum { name: "e" } }'
        ' members { new_type { name: "t" } } }',
        'new_types { key: "n" value { original_type { bool {} } } }'
        ' new_types { key: "t" value { translated_type { sdn_bitwidth: 32 } } }',
        text_format.Parse(
            r'tuple { members { bool: true } members { enum_value: "\002" } members { bitstring: "\003" } }',
            p4d.P4Data(),
        ),
    ),
    ("too few", "bitstring {}", "", "fewer members"),
    ("too many", 'struct { name: "s" }', 'structs { key: "s" value {' + "members {} " * 4 + "} }", "more members"),
    ("unknown struct", 'struct { name: "s" }', "", "the struct 's'"),
    ("unknown header", 'header { name: "h" }', "", "the header 'h'"),
    (
        "a struct in itself",
        'struct { name: "s" }',
        'structs { key: "s" value { members { type_spec { struct { name: "s" } } } } }',
        "nested deeper",
    ),
]


@pytest.mark.parametrize(("what", "spec", "types", "expected"), TYPES, ids=[c[0] for c in TYPES])
def test_shapes(what: str, spec: str, types: str, expected: p4d.P4Data | str) -> None:
    layout = DigestLayout(1, "d", 8, tuple(DigestField(8, False, 4 + n, 1) for n in range(3)))
    info = p4i.Digest(type_spec=text_format.Parse(spec, p4t.P4DataTypeSpec()))
    known = text_format.Parse(types, p4t.P4TypeInfo())
    if isinstance(expected, str):
        with pytest.raises(BundleError, match=expected):
            DigestCodec(layout, info, known)
        return
    assert DigestCodec(layout, info, known).decode(bytes([0, 0, 0, 0, 1, 2, 3, 0])) == expected
