"""Multicast groups: each is a DEVMAP that the program redirects to with BPF_F_BROADCAST."""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from finsy.proto import p4r

from rackplane.compiler.manifest import SwitchMaps
from rackplane.switch import codec, libbpf
from rackplane.switch.errors import BundleError, Code, RequestError, invalid, not_found
from rackplane.switch.loader import LoadedObject
from rackplane.switch.maps import BpfMap
from rackplane.switch.ports import Port, device_value

MAX_GROUP_ID = 0xFFFF
MAX_INSTANCE = 0xFFFF
MAX_PORT = 0xFFFF


@dataclass(frozen=True)
class Replica:
    """One copy: the port it leaves on, and its egress_rid."""

    port: int
    instance: int


@dataclass(frozen=True)
class Group:
    """A multicast group as it was written."""

    id: int
    replicas: tuple[Replica, ...]
    wire: bytes

    def numbered(self) -> dict[bytes, int]:
        """Return egress_rid by {u16 group, u16 port, u32 nth replica of that port}."""
        seen: Counter[int] = Counter()
        rids: dict[bytes, int] = {}
        for copy in self.replicas:
            rids[struct.pack("<HHI", self.id, copy.port, seen[copy.port])] = copy.instance
            seen[copy.port] += 1
        return rids


class MulticastGroups:
    """The multicast groups of a running program; an empty map name means that it never replicates."""

    def __init__(self, maps: SwitchMaps, loaded: LoadedObject, ports: Mapping[int, Port]) -> None:
        self._limits = maps
        self._ports = ports
        self._egress_fd = loaded.egress_fd
        self._map = loaded.map(maps.groups) if maps.groups else None
        self._replicas = loaded.map(maps.replicas) if maps.replicas else None
        if maps.groups and maps.groups not in loaded.inner:
            raise BundleError(f"map {maps.groups} has no template for its groups")
        self._template = loaded.inner.get(maps.groups)
        self.groups: dict[int, Group] = {}

    def insert(self, entity: p4r.Entity) -> None:
        """INSERT a group."""
        group = self._decode(entity)
        if group.id in self.groups:
            raise RequestError(Code.ALREADY_EXISTS, f"multicast group {group.id} already exists")
        if len(self.groups) >= self._limits.max_groups:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED, f"all {self._limits.max_groups} multicast groups are in use"
            )
        self.put(group)

    def modify(self, entity: p4r.Entity) -> None:
        """MODIFY a group: copies go to the old replicas or to the new ones, never to a mix."""
        group = self._decode(entity)
        self.get(group.id)
        self.put(group)

    def delete(self, entity: p4r.Entity) -> None:
        """DELETE a group."""
        message = entity.packet_replication_engine_entry.multicast_group_entry
        self.drop(self.get(message.multicast_group_id).id)

    def get(self, group_id: int) -> Group:
        """Return a group; NOT_FOUND."""
        if group_id not in self.groups:
            raise not_found(f"there is no multicast group {group_id}")
        return self.groups[group_id]

    def select(self, message: p4r.MulticastGroupEntry) -> Iterable[Group]:
        """Return one group, or all of them when the id is 0."""
        if message.multicast_group_id == 0:
            return list(self.groups.values())
        found = self.groups.get(message.multicast_group_id)
        return [found] if found else []

    def snapshot(self, group_id: int) -> Callable[[], None]:
        """Return what puts a group back to what it is now."""
        before = self.groups.get(group_id)

        def undo() -> None:
            if before is not None:
                self.put(before)
            elif group_id in self.groups:
                self.drop(group_id)

        return undo

    def put(self, group: Group) -> None:
        """Make the group what it should be, in the kernel and here."""
        before = self.groups.get(group.id)
        new = group.numbered()
        if self._replicas is not None:
            for key, rid in new.items():
                self._replicas.put(key, struct.pack("<I", rid))
        if self._map is not None:
            self._replace(self._map, group)
        if self._replicas is not None and before is not None:
            for key in before.numbered().keys() - new.keys():
                self._replicas.delete(key)
        self.groups[group.id] = group

    def drop(self, group_id: int) -> None:
        """Remove a group."""
        group = self.groups.pop(group_id)
        if self._map is not None:
            self._map.delete(struct.pack("<I", group_id))
        if self._replicas is not None:
            for key in group.numbered():
                self._replicas.delete(key)

    def _replace(self, outer: BpfMap, group: Group) -> None:
        if self._template is None:
            raise BundleError(f"map {outer.info} has no template for its groups")
        ports = [self._ports[r.port] for r in group.replicas if r.port in self._ports]
        present = [port for port in ports if port.exists]
        info = replace(self._template, name=f"group{group.id}", max_entries=max(len(present), 1))
        inner = BpfMap(info, libbpf.create_map(info))
        try:
            for i, port in enumerate(present):
                inner.put(struct.pack("<I", i), device_value(port.ifindex, self._egress_fd, info.value_size))
            outer.put(struct.pack("<I", group.id), struct.pack("<I", inner.fd))
        finally:
            os.close(inner.fd)

    def _decode(self, entity: p4r.Entity) -> Group:
        message = entity.packet_replication_engine_entry.multicast_group_entry
        group_id = message.multicast_group_id
        if not 0 < group_id <= MAX_GROUP_ID:
            raise invalid(f"multicast group {group_id} is not within 1..{MAX_GROUP_ID}")
        if len(message.replicas) > self._limits.max_replicas:
            raise RequestError(
                Code.RESOURCE_EXHAUSTED,
                f"multicast group {group_id} has {len(message.replicas)} replicas, "
                f"the limit is {self._limits.max_replicas}",
            )
        replicas = tuple(self._decode_replica(group_id, r) for r in message.replicas)
        twice = [r for r, n in Counter(replicas).items() if n > 1]
        if twice:
            raise invalid(
                f"multicast group {group_id} has port {twice[0].port}, instance {twice[0].instance} twice"
            )
        return Group(group_id, replicas, entity.SerializeToString())

    def _decode_replica(self, group_id: int, replica: p4r.Replica) -> Replica:
        label = f"a replica of multicast group {group_id}"
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
        if replica.instance > MAX_INSTANCE:
            raise invalid(f"{label} has instance {replica.instance}, which is not within 0..{MAX_INSTANCE}")
        return Replica(port, replica.instance)
