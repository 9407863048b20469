"""Multicast groups and clone sessions: the entries of P4Runtime's packet replication engine (spec 9.5)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from rackplane.compiler.manifest import CLONE_GROUP, SwitchMaps
from rackplane.switch import codec
from rackplane.switch.errors import Code, RequestError, invalid, not_found
from rackplane.switch.fanout import Fanout, Fanouts, Replica

MAX_GROUP_ID = 0xFFFF
MAX_SESSION_ID = 0x7FFF
MAX_INSTANCE = 0xFFFF
MAX_PORT = 0xFFFF
MAX_CLASS_OF_SERVICE = 7
MAX_PACKET_BYTES = 0xFFFF


@dataclass(frozen=True)
class Group:
    """A multicast group or a clone session as it was written."""

    id: int
    fanout: Fanout
    wire: bytes

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """Its copies."""
        return self.fanout.replicas


class ReplicationEntries(ABC):
    """The entries of one kind of a running program."""

    kind = ""

    def __init__(self, maps: SwitchMaps, fanouts: Fanouts) -> None:
        self._limits = maps
        self._fanouts = fanouts
        self.groups: dict[int, Group] = {}

    def insert(self, entity: p4r.Entity) -> None:
        """INSERT an entry."""
        group = self._decode(entity)
        if group.id in self.groups:
            raise RequestError(Code.ALREADY_EXISTS, f"{self.kind} {group.id} already exists")
        if len(self.groups) >= self._limits.max_groups:
            raise RequestError(Code.RESOURCE_EXHAUSTED, f"all {self._limits.max_groups} {self.kind}s are in use")
        self.put(group)

    def modify(self, entity: p4r.Entity) -> None:
        """MODIFY an entry: copies go to the old replicas or to the new ones, never to a mix."""
        group = self._decode(entity)
        self.get(group.id)
        self.put(group)

    def delete(self, entity: p4r.Entity) -> None:
        """DELETE an entry."""
        self.drop(self.get(self.id_of(entity)).id)

    def get(self, group_id: int) -> Group:
        """Return an entry; NOT_FOUND."""
        if group_id not in self.groups:
            raise not_found(f"there is no {self.kind} {group_id}")
        return self.groups[group_id]

    def select(self, entity: p4r.Entity) -> Iterable[Group]:
        """Return one entry, or all of them when the id is 0."""
        wanted = self.id_of(entity)
        if wanted == 0:
            return list(self.groups.values())
        found = self.groups.get(wanted)
        return [found] if found else []

    def snapshot(self, entity: p4r.Entity) -> Callable[[], None]:
        """Return what puts an entry back to what it is now."""
        group_id = self.id_of(entity)
        before = self.groups.get(group_id)

        def undo() -> None:
            if before is not None:
                self.put(before)
            elif group_id in self.groups:
                self.drop(group_id)

        return undo

    def put(self, group: Group) -> None:
        """Make an entry what it should be, in the kernel and here."""
        before = self.groups.get(group.id)
        self._fanouts.put(group.fanout, before.fanout if before else None)
        self.groups[group.id] = group

    def drop(self, group_id: int) -> None:
        """Remove an entry."""
        self._fanouts.drop(self.groups.pop(group_id).fanout)

    def use_egress(self, program_fd: int) -> None:
        """Let the copies of every entry run another egress program from now on."""
        self._fanouts.use_egress(program_fd, [group.fanout for group in self.groups.values()])

    @abstractmethod
    def id_of(self, entity: p4r.Entity) -> int:
        """Return the entry's id, checked for nothing."""

    @abstractmethod
    def _decode(self, entity: p4r.Entity) -> Group:
        """Check an entity and make an entry of it."""

    def _decode_replicas(self, label: str, replicas: Sequence[p4r.Replica]) -> tuple[Replica, ...]:
        if len(replicas) > self._limits.max_replicas:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED,
                f"{label} has {len(replicas)} replicas, the limit is {self._limits.max_replicas}",
            )
        found = tuple(self._decode_replica(f"a replica of {label}", r) for r in replicas)
        twice = [r for r, n in Counter(found).items() if n > 1]
        if twice:
            raise invalid(f"{label} has port {twice[0].port}, instance {twice[0].instance} twice")
        return found

    def _decode_replica(self, label: str, replica: p4r.Replica) -> Replica:
        if replica.backup_replicas:
            raise RequestError(
                Code.UNIMPLEMENTED, f"{label} has backup replicas, which this target does not support"
            )
        kind = replica.WhichOneof("port_kind")
        if kind is None:
            raise invalid(f"{label} has no port")
        port = codec.decode(replica.port, 16, f"the port of {label}") if kind == "port" else replica.egress_port
        if port >= min(self._limits.max_ports, MAX_PORT):
            raise invalid(f"{label} has port {port}; ports are below {self._limits.max_ports}")
        if kind == "port":
            replica.port = codec.encode(port)
        if replica.instance > MAX_INSTANCE:
            raise invalid(f"{label} has instance {replica.instance}, which is not within 0..{MAX_INSTANCE}")
        return Replica(port, replica.instance)


class MulticastGroups(ReplicationEntries):
    """The multicast groups of a running program."""

    kind = "multicast group"

    def id_of(self, entity: p4r.Entity) -> int:
        """Return multicast_group_id."""
        return entity.packet_replication_engine_entry.multicast_group_entry.multicast_group_id

    def _decode(self, entity: p4r.Entity) -> Group:
        message = entity.packet_replication_engine_entry.multicast_group_entry
        group_id = message.multicast_group_id
        if not 0 < group_id <= MAX_GROUP_ID:
            raise invalid(f"multicast group {group_id} is not within 1..{MAX_GROUP_ID}")
        replicas = self._decode_replicas(f"multicast group {group_id}", message.replicas)
        return Group(group_id, Fanout(group_id, replicas), entity.SerializeToString())


class CloneSessions(ReplicationEntries):
    """The clone sessions of a running program; one that never clones keeps them without effect."""

    kind = "clone session"

    def id_of(self, entity: p4r.Entity) -> int:
        """Return session_id."""
        return entity.packet_replication_engine_entry.clone_session_entry.session_id

    def _decode(self, entity: p4r.Entity) -> Group:
        message = entity.packet_replication_engine_entry.clone_session_entry
        session, label = message.session_id, f"clone session {message.session_id}"
        if not 0 < session <= MAX_SESSION_ID:
            raise invalid(f"{label} is not within 1..{MAX_SESSION_ID}")
        if not 0 <= message.packet_length_bytes <= MAX_PACKET_BYTES:
            length = message.packet_length_bytes
            raise invalid(
                f"{label} has a packet length of {length} bytes, which is not within 0..{MAX_PACKET_BYTES}"
            )
        if message.class_of_service > MAX_CLASS_OF_SERVICE:
            raise invalid(
                f"{label} has class of service {message.class_of_service}; "
                f"the classes are 0..{MAX_CLASS_OF_SERVICE}"
            )
        replicas = self._decode_replicas(label, message.replicas)
        fanout = Fanout(CLONE_GROUP + session, replicas, message.packet_length_bytes, message.class_of_service)
        return Group(session, fanout, entity.SerializeToString())
