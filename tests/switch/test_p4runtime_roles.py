"""Roles with a config: what they may write, see and receive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import basic_program as basic
import finsy as fy
import grpc
import pytest
import switch_client as p4
from finsy.proto import U128, p4r, stratum
from google.protobuf import any_pb2, text_format
from grpc import StatusCode as Status
from switch_hosts import Links, Running

from rackplane.switch.errors import Code, RequestError
from rackplane.switch.p4runtime.arbitration import MAX_ROLE_NAME, MAX_ROLES, Arbiter
from rackplane.switch.p4runtime.roles import FULL, Access, access_of

Config = stratum.P4RoleConfig


def role(config: Config | None = None, name: str = "sdn") -> p4r.Role:
    made = p4r.Role(name=name)
    if config is not None:
        made.config.Pack(config)
    return made


L2_ONLY = Config(exclusive_p4_ids=[basic.L2], shared_p4_ids=[basic.SEEN])
FOREIGN = any_pb2.Any(type_url="type.googleapis.com/p4.v1.Role")
BROKEN = any_pb2.Any(type_url="type.googleapis.com/stratum.P4RoleConfig", value=b"\xff")

READ: list[tuple[str, p4r.Role, Access | str]] = [
    ("no config", role(), FULL),
    ("ids", role(L2_ONLY), Access(frozenset({basic.L2, basic.SEEN}), frozenset({basic.L2}), False, None, False)),
    (
        "packets",
        role(Config(receives_packet_ins=True, packet_in_filter=Config.PacketFilter(metadata_id=1, value=b"\0\2"))),
        Access(frozenset(), frozenset(), True, (1, b"\2"), False),
    ),
    ("pipeline", role(Config(can_push_pipeline=True)), Access(frozenset(), frozenset(), False, None, True)),
    ("another message", p4r.Role(name="x", config=FOREIGN), "reads stratum.P4RoleConfig"),
    ("not a message", p4r.Role(name="x", config=BROKEN), "reads stratum.P4RoleConfig"),
    ("default role", role(L2_ONLY, ""), "the default role"),
    ("both", role(Config(exclusive_p4_ids=[1], shared_p4_ids=[1])), "as exclusive and as shared"),
    ("taken", role(Config(exclusive_p4_ids=[9])), "object 9 of role 'sdn' is in the reach of role 'other'"),
    ("shared by one", role(Config(exclusive_p4_ids=[8])), "object 8"),
    ("not shared by the other", role(Config(shared_p4_ids=[9])), "object 9"),
    ("shared by both", role(Config(shared_p4_ids=[8])), Access(frozenset({8}), frozenset(), False, None, False)),
]


@pytest.mark.parametrize(("what", "given", "expected"), READ, ids=[c[0] for c in READ])
def test_reading_a_config(what: str, given: p4r.Role, expected: Access | str) -> None:
    others = {"other": Access(frozenset({8, 9}), frozenset({9}))}
    if isinstance(expected, Access):
        assert access_of(given, others) == expected
        return
    with pytest.raises(RequestError, match=expected) as error:
        access_of(given, others)
    assert error.value.code is Code.INVALID_ARGUMENT


PACKETS = [
    (FULL, True),
    (Access(packet_ins=False), False),
    (Access(packet_filter=(1, b"\2")), True),
    (Access(packet_filter=(1, b"\3")), False),
    (Access(packet_filter=(2, b"\2")), False),
]


@pytest.mark.parametrize(("access", "wanted"), PACKETS)
def test_packet_filters(access: Access, wanted: bool) -> None:
    assert access.wants_packet([p4r.PacketMetadata(metadata_id=1, value=b"\2")]) is wanted


def arbitration(config: Config | None, election_id: int = 1, name: str = "sdn") -> p4r.MasterArbitrationUpdate:
    return p4r.MasterArbitrationUpdate(device_id=1, role=role(config, name), election_id=U128.encode(election_id))


def test_a_new_config_is_told_to_all() -> None:
    arbiter: Arbiter[str] = Arbiter(1, 10)
    arbiter.update("a", arbitration(None, 2))
    arbiter.update("b", arbitration(Config(shared_p4_ids=[5]), 1))
    assert arbiter.access("sdn") is FULL, "a backup decides nothing"
    heard = arbiter.update("a", arbitration(L2_ONLY, 2))
    assert [s for s, _ in heard] == ["b", "a"]
    assert all(advice.role == role(L2_ONLY) for _, advice in heard)
    assert arbiter.access("sdn").ids == {basic.L2, basic.SEEN}


def test_a_refused_config_leaves_nothing_behind() -> None:
    arbiter: Arbiter[str] = Arbiter(1, 10)
    with pytest.raises(RequestError):
        arbiter.update("a", p4r.MasterArbitrationUpdate(device_id=1, role=p4r.Role(name="x", config=BROKEN)))
    assert arbiter.leave("a") == []
    ((_, advice),) = arbiter.update("a", arbitration(None, 1, "y"))
    assert advice.status.code == Code.OK


def test_roles_are_bounded() -> None:
    arbiter: Arbiter[str] = Arbiter(1, 10)
    for n in range(MAX_ROLES):
        arbiter.update("a", arbitration(None, 1, f"role{n}"))
        arbiter.leave("a")
    for name, code in (("one more", Code.RESOURCE_EXHAUSTED), ("x" * (MAX_ROLE_NAME + 1), Code.INVALID_ARGUMENT)):
        with pytest.raises(RequestError) as error:
            arbiter.update("a", arbitration(None, 1, name))
        assert error.value.code is code
    arbiter.update("a", arbitration(None, 2, "role5"))


class RoleClient(p4.Client):
    """A controller of a role with a config."""

    def __init__(self, address: str, config: Config) -> None:
        super().__init__(address, election_id=0)
        self.election_id = 1
        self.stream.close()
        self.stream = p4.Stream(self.stub)
        message = arbitration(config)
        message.device_id = p4.DEVICE_ID
        self.stream.send(p4r.StreamMessageRequest(arbitration=message))
        self.advice = self.stream.receive().arbitration

    def write(self, *updates: p4r.Update, atomicity: int = 0) -> None:
        request = p4r.WriteRequest(device_id=p4.DEVICE_ID, role="sdn", updates=updates, atomicity=atomicity)
        request.election_id.CopyFrom(U128.encode(1))
        self.stub.Write(request, timeout=20)

    def read(self, *entities: p4r.Entity) -> list[p4r.Entity]:
        request = p4r.ReadRequest(device_id=p4.DEVICE_ID, role="sdn", entities=entities)
        return [e for response in self.stub.Read(request, timeout=20) for e in response.entities]

    def config_request(self, action: int) -> p4r.SetForwardingPipelineConfigRequest:
        request = super().config_request(action)
        request.role = "sdn"
        return request


@pytest.fixture
def restricted(client: p4.Client, switch: Running) -> Iterator[RoleClient]:
    """Role sdn, which may write ingress.l2 and register seen, beside the default role's `client`."""
    wanted = Config.PacketFilter(metadata_id=1, value=b"\2")
    config = Config(receives_packet_ins=True, packet_in_filter=wanted)
    config.MergeFrom(L2_ONLY)
    made = RoleClient(switch.address, config)
    yield made
    made.close()


@pytest.mark.root
def test_writes_within_the_reach(client: p4.Client, restricted: RoleClient) -> None:
    assert restricted.advice.status.code == Code.OK
    updates = [p4.HELD, p4.HELD_ROUTE, p4.group(3, (1, 1))]
    with pytest.raises(grpc.RpcError) as failure:
        restricted.insert(*updates)
    codes = [e.canonical_code for e in p4.errors(failure.value)]
    assert codes == [Code.OK, Code.PERMISSION_DENIED, Code.OK]
    assert "not in the role's reach" in p4.errors(failure.value)[1].message
    restricted.modify(p4.register(basic.SEEN, 0, 5))
    with pytest.raises(grpc.RpcError):
        restricted.modify(p4.register(basic.OCTETS, 0, 5))
    client.insert(p4.HELD_ROUTE)
    assert restricted.read(p4.everything_in()) == [p4.HELD]
    assert restricted.read(p4.HELD_ROUTE) == []
    assert len(client.read(p4.everything_in())) == 4, "the default role sees all, with the two const entries"
    with pytest.raises(grpc.RpcError) as failure:
        restricted.push()
    assert failure.value.code() is Status.PERMISSION_DENIED


@pytest.mark.root
def test_packet_ins_by_filter(client: p4.Client, restricted: RoleClient, links: Links) -> None:
    client.insert(p4.l2(0x0500, cpu=True))
    frame = bytes.fromhex("000000000500 020000000a00 1234") + bytes(46)
    for port in (3, 2):
        links.hosts[port].send(frame)
        assert client.stream.receive().packet.metadata[0].value == bytes((port,))
    assert restricted.stream.receive().packet.metadata[0].value == b"\2"
    assert restricted.stream.silent()


@pytest.mark.root
def test_finsy_with_a_role(client: p4.Client, switch: Running, tmp_path: Path) -> None:
    p4info = tmp_path / "basic.p4info.txtpb"
    p4info.write_text(text_format.MessageToString(basic.p4info()))

    async def body() -> None:
        options = fy.SwitchOptions(p4info=p4info, device_id=p4.DEVICE_ID, role_name="sdn", role_config=L2_ONLY)
        async with fy.Switch("s", switch.address, options) as sw:
            l2 = fy.P4TableEntry("l2", match=fy.Match(dst=0x0500), action=fy.Action("to_cpu"))
            route = fy.P4TableEntry(
                "routes", match=fy.Match(dst="10.0.0.0/8"), action=fy.Action("route", mac=1, port=2)
            )
            await sw.write([+l2])
            with pytest.raises(fy.P4ClientError) as failure:
                await sw.write([+route])
            assert failure.value.details[0].canonical_code is fy.GRPCStatusCode.PERMISSION_DENIED
            assert [e.table_id async for e in sw.read(fy.P4TableEntry())] == ["l2"]

    asyncio.run(asyncio.wait_for(body(), 30))
