"""Arbitration, packet-out and Capabilities, case by case."""

from __future__ import annotations

import basic_program as basic
import grpc
import pytest
import switch_client as p4
from finsy.proto import p4r
from grpc import StatusCode as Status
from switch_hosts import Running

pytestmark = pytest.mark.root
OK, INVALID, NOT_FOUND, EXISTS, DENIED, EXHAUSTED = 0, 3, 5, 6, 7, 8
ABORTED, OUT_OF_RANGE, UNIMPLEMENTED = 10, 11, 12


def test_only_the_primary_writes(client: p4.Client, switch: Running) -> None:
    assert client.arbitration.status.code == OK
    backup = p4.Client(switch.address, election_id=0)
    assert backup.arbitration.status.code == EXISTS
    with pytest.raises(grpc.RpcError) as failure:
        backup.insert(p4.HELD)
    assert failure.value.code() is Status.PERMISSION_DENIED
    backup.stream.arbitrate(5)
    assert backup.stream.receive().arbitration.status.code == OK
    assert client.stream.receive().arbitration.status.code == EXISTS
    backup.election_id = 5
    backup.insert(p4.HELD)
    with pytest.raises(grpc.RpcError) as failure:
        client.delete(p4.HELD)
    assert failure.value.code() is Status.PERMISSION_DENIED
    backup.close()
    advice = client.stream.receive().arbitration
    assert advice.status.code == NOT_FOUND
    assert advice.election_id.low == 5


STREAM_ERRORS = [
    ("other device", {"election_id": 2, "device_id": 9}, Status.NOT_FOUND),
    ("election id in use", {"election_id": 1}, Status.INVALID_ARGUMENT),
]


@pytest.mark.parametrize(("what", "arguments", "code"), STREAM_ERRORS, ids=[c[0] for c in STREAM_ERRORS])
def test_stream_is_ended(client: p4.Client, what: str, arguments: dict[str, int], code: Status) -> None:
    stream = p4.Stream(client.stub)
    stream.arbitrate(**arguments)
    with pytest.raises(grpc.RpcError) as failure:
        stream.receive()
    assert failure.value.code() is code
    client.insert(p4.HELD)


def test_changing_the_role_ends_the_stream(client: p4.Client) -> None:
    client.stream.arbitrate(1, role="other")
    with pytest.raises(grpc.RpcError) as failure:
        client.stream.receive()
    assert failure.value.code() is Status.FAILED_PRECONDITION


def test_packet_out_of_a_backup_is_refused(client: p4.Client) -> None:
    stream = p4.Stream(client.stub)
    stream.arbitrate(0)
    assert stream.receive().arbitration.status.code == EXISTS
    stream.send(p4r.StreamMessageRequest(packet=p4r.PacketOut(payload=b"x" * 60)))
    assert stream.receive().error.canonical_code == DENIED
    stream.close()


def test_streams_are_bounded(client: p4.Client) -> None:
    streams = [p4.Stream(client.stub) for _ in range(64)]
    codes = []
    for stream in streams:
        stream.arbitrate(None)
        try:
            codes.append(stream.receive().arbitration.status.code)
        except grpc.RpcError as e:
            codes.append(e.code())
    assert codes == [EXISTS] * 63 + [Status.RESOURCE_EXHAUSTED]
    for stream in streams:
        stream.close()


@pytest.mark.parametrize(("device_id", "known"), [(0, True), (p4.DEVICE_ID, True), (3, False)])
def test_capabilities(filled: p4.Client, device_id: int, known: bool) -> None:
    request = p4r.CapabilitiesRequest(device_id=device_id)
    if known:
        assert filled.stub.Capabilities(request).p4runtime_api_version.startswith("1.4")
        return
    with pytest.raises(grpc.RpcError) as failure:
        filled.stub.Capabilities(request)
    assert failure.value.code() is Status.NOT_FOUND


@pytest.mark.parametrize("method", ["Write", "Read", "SetForwardingPipelineConfig", "GetForwardingPipelineConfig"])
def test_garbage_is_answered(filled: p4.Client, method: str) -> None:
    call = filled.channel.unary_unary(f"/p4.v1.P4Runtime/{method}")
    if method == "Read":
        with pytest.raises(grpc.RpcError):
            list(filled.channel.unary_stream(f"/p4.v1.P4Runtime/{method}")(b"\xff\xff\xff", timeout=5))
    else:
        with pytest.raises(grpc.RpcError):
            call(b"\xff\xff\xff", timeout=5)
    assert len(filled.read(p4.everything_in(basic.L2))) == 2
