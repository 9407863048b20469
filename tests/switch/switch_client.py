"""A plain gRPC P4Runtime client: says exactly what a test wants to say, right or wrong."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import basic_program as basic
import grpc
from finsy.proto import U128, p4i, p4r, p4r_grpc, rpc_status

DEVICE_ID = 7
_TIMEOUT = 20


class Stream:
    """One StreamChannel."""

    def __init__(self, stub: p4r_grpc.P4RuntimeStub) -> None:
        self._requests: queue.Queue[p4r.StreamMessageRequest | None] = queue.Queue()
        self._call = stub.StreamChannel(iter(self._requests.get, None), timeout=3600)
        self._responses: queue.Queue[p4r.StreamMessageResponse | grpc.RpcError] = queue.Queue()
        self._call_reader = _pump(self._call, self._responses)

    def send(self, message: p4r.StreamMessageRequest) -> None:
        self._requests.put(message)

    def receive(self, timeout: float = 5) -> p4r.StreamMessageResponse:
        item = self._responses.get(timeout=timeout)
        if isinstance(item, grpc.RpcError):
            raise item
        return item

    def silent(self, timeout: float = 0.3) -> bool:
        try:
            self.receive(timeout)
        except queue.Empty:
            return True
        return False

    def arbitrate(self, election_id: int | None, role: str = "", device_id: int = DEVICE_ID) -> None:
        message = p4r.MasterArbitrationUpdate(device_id=device_id)
        if role:
            message.role.name = role
        if election_id is not None:
            message.election_id.CopyFrom(U128.encode(election_id))
        self.send(p4r.StreamMessageRequest(arbitration=message))

    def close(self) -> None:
        self._requests.put(None)
        self._call.cancel()


def _pump(call: Iterator[p4r.StreamMessageResponse], into: queue.Queue) -> object:
    def body() -> None:
        try:
            for message in call:
                into.put(message)
        except grpc.RpcError as e:
            into.put(e)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread


class Client:
    """A controller with election id 1, the primary from the start."""

    def __init__(self, address: str, election_id: int = 1) -> None:
        self.channel = grpc.insecure_channel(address, options=[("grpc.max_metadata_size", 1 << 20)])
        self.stub = p4r_grpc.P4RuntimeStub(self.channel)
        self.election_id = election_id
        self.stream = Stream(self.stub)
        self.stream.arbitrate(election_id)
        self.arbitration = self.stream.receive().arbitration

    def push(
        self,
        config: bytes = b"basic",
        action: int = p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT,
        p4info: p4i.P4Info | None = None,
    ) -> None:
        request = self.config_request(action)
        request.config.p4info.CopyFrom(p4info or basic.p4info())
        request.config.p4_device_config = config
        request.config.cookie.cookie = 99
        self.stub.SetForwardingPipelineConfig(request, timeout=_TIMEOUT)

    def config_request(self, action: int) -> p4r.SetForwardingPipelineConfigRequest:
        request = p4r.SetForwardingPipelineConfigRequest(device_id=DEVICE_ID, action=action)
        request.election_id.CopyFrom(U128.encode(self.election_id))
        return request

    def write(self, *updates: p4r.Update, atomicity: int = 0) -> None:
        request = p4r.WriteRequest(device_id=DEVICE_ID, updates=updates, atomicity=atomicity)
        request.election_id.CopyFrom(U128.encode(self.election_id))
        self.stub.Write(request, timeout=_TIMEOUT)

    def insert(self, *entities: p4r.Entity) -> None:
        self.write(*(p4r.Update(type=p4r.Update.INSERT, entity=e) for e in entities))

    def modify(self, *entities: p4r.Entity) -> None:
        self.write(*(p4r.Update(type=p4r.Update.MODIFY, entity=e) for e in entities))

    def delete(self, *entities: p4r.Entity) -> None:
        self.write(*(p4r.Update(type=p4r.Update.DELETE, entity=e) for e in entities))

    def read(self, *entities: p4r.Entity) -> list[p4r.Entity]:
        request = p4r.ReadRequest(device_id=DEVICE_ID, entities=entities)
        return [e for response in self.stub.Read(request, timeout=_TIMEOUT) for e in response.entities]

    def close(self) -> None:
        self.stream.close()
        self.channel.close()


def errors(failure: grpc.RpcError) -> list[p4r.Error]:
    """The p4.v1.Error of every update of a failed batch."""
    for key, value in failure.trailing_metadata():
        if key == "grpc-status-details-bin":
            details = []
            for packed in rpc_status.Status.FromString(value).details:
                error = p4r.Error()
                assert packed.Unpack(error)
                details.append(error)
            return details
    return []


# Entities of the hand-written program


def l2(mac: int | bytes, port: int | None = None, *, group: int | None = None, cpu: bool = False) -> p4r.Entity:
    entity = p4r.Entity()
    entry = entity.table_entry
    entry.table_id = basic.L2
    match = entry.match.add(field_id=1)
    match.exact.value = _bytes(mac) if isinstance(mac, int) else mac
    if port is not None:
        entry.action.action.action_id = basic.FORWARD
        entry.action.action.params.add(param_id=1, value=_bytes(port))
    elif group is not None:
        entry.action.action.action_id = basic.MULTICAST
        entry.action.action.params.add(param_id=1, value=_bytes(group))
    elif cpu:
        entry.action.action.action_id = basic.TO_CPU
    return entity


def route(address: int, length: int, port: int | None = None, mac: int = 0x0800000000AA) -> p4r.Entity:
    entity = p4r.Entity()
    entry = entity.table_entry
    entry.table_id = basic.ROUTES
    if length:
        match = entry.match.add(field_id=1)
        match.lpm.value, match.lpm.prefix_len = _bytes(address), length
    if port is not None:
        entry.action.action.action_id = basic.ROUTE
        entry.action.action.params.add(param_id=1, value=_bytes(mac))
        entry.action.action.params.add(param_id=2, value=_bytes(port))
    return entity


def acl(
    priority: int,
    deny: bool = True,
    src: tuple[int, int] | None = None,
    ports: tuple[int, int] | None = None,
    protocol: int | None = None,
) -> p4r.Entity:
    entity = p4r.Entity()
    entry = entity.table_entry
    entry.table_id, entry.priority = basic.ACL, priority
    if src:
        match = entry.match.add(field_id=1)
        match.ternary.value, match.ternary.mask = _bytes(src[0]), _bytes(src[1])
    if ports:
        match = entry.match.add(field_id=2)
        match.range.low, match.range.high = _bytes(ports[0]), _bytes(ports[1])
    if protocol is not None:
        entry.match.add(field_id=3).optional.value = _bytes(protocol)
    entry.action.action.action_id = basic.DENY if deny else basic.PERMIT
    return entity


def group(number: int, *replicas: tuple[int, int]) -> p4r.Entity:
    entity = p4r.Entity()
    entry = entity.packet_replication_engine_entry.multicast_group_entry
    entry.multicast_group_id = number
    for port, instance in replicas:
        entry.replicas.add(port=_bytes(port), instance=instance)
    return entity


def register(number: int, index: int | None = None, value: int | None = None) -> p4r.Entity:
    entity = p4r.Entity()
    entity.register_entry.register_id = number
    if index is not None:
        entity.register_entry.index.index = index
    if value is not None:
        size = (value.bit_length() + 8) // 8 if value < 0 else max(1, (value.bit_length() + 7) // 8)
        entity.register_entry.data.bitstring = value.to_bytes(size, "big", signed=value < 0)
    return entity


def counter(number: int, index: int | None = None, packets: int | None = None) -> p4r.Entity:
    entity = p4r.Entity()
    entity.counter_entry.counter_id = number
    if index is not None:
        entity.counter_entry.index.index = index
    if packets is not None:
        entity.counter_entry.data.packet_count = packets
    return entity


def everything_in(table_id: int = 0) -> p4r.Entity:
    entity = p4r.Entity()
    entity.table_entry.table_id = table_id
    return entity


def _bytes(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def tweaked(entity: p4r.Entity, change: Callable[[p4r.TableEntry], object]) -> p4r.Entity:
    """A copy of an entity with one thing done to its table entry."""
    copy = p4r.Entity()
    copy.CopyFrom(entity)
    change(copy.table_entry)
    return copy


def default_of(table_id: int) -> p4r.Entity:
    entity = p4r.Entity()
    entity.table_entry.table_id, entity.table_entry.is_default_action = table_id, True
    return entity


def fixed(state: int, event: int | None = None, priority: int = 2) -> p4r.Entity:
    entity = p4r.Entity()
    entry = entity.table_entry
    entry.table_id, entry.priority = basic.FIXED, priority
    entry.match.add(field_id=1).exact.value = bytes((state,))
    if event is not None:
        match = entry.match.add(field_id=2)
        match.ternary.value, match.ternary.mask = bytes((event,)), b"\x03"
    return entity


# Entities that many tests begin with

HELD = l2(0x0200, 2)
HELD_ROUTE = route(0x0A000000, 8, 2)
HELD_ACL = acl(5, src=(0x0A000000, 0xFF000000))
NEW = l2(0x0300, 3)

SOME = [HELD, l2(0x0300, cpu=True), HELD_ROUTE, HELD_ACL, acl(9)]
