"""Where copies of packets go, in the kernel: a DEVMAP that the program redirects to with BPF_F_BROADCAST.

A program whose copies are final gets a DEVMAP of ports for each group. Of a program whose copies can be cloned or
recirculated in egress, all copies go over the loop port, and a replica's number gives it its port there.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rackplane.compiler.manifest import LOOP_AND_PORT, LOOP_GROUP, LOOP_REPLICA_PORT, SwitchMaps
from rackplane.switch import libbpf
from rackplane.switch.errors import BundleError
from rackplane.switch.loader import LoadedObject
from rackplane.switch.maps import BpfMap
from rackplane.switch.ports import Port, device_value

_BASES = (0, 0x8000)
_MOST_CLONES = 2
_FAN = struct.Struct("<IIHH4x")


@dataclass(frozen=True)
class Replica:
    """One copy: the port it leaves on, and its egress_rid."""

    port: int
    instance: int


@dataclass(frozen=True)
class Fanout:
    """The copies of a multicast group or clone session; `group` is its key in the kernel.

    `max_bytes` (0: all) is what is left of each copy, `priority` the class of service that it gets.
    """

    group: int
    replicas: tuple[Replica, ...]
    max_bytes: int = 0
    priority: int = 0


@dataclass(frozen=True)
class Devices:
    """The interfaces of a switch: its ports by number, and the index of its loop port (0: it has none)."""

    ports: Mapping[int, Port] = field(default_factory=dict)
    loop: int = 0


class Fanouts:
    """Writes fanouts to a loaded program's maps; an empty map name means that the program never replicates."""

    def __init__(self, maps: SwitchMaps, loaded: LoadedObject, devices: Devices) -> None:
        self._maps = maps
        self._devices = devices
        self._egress_fd = loaded.egress_fd
        self._groups = loaded.map(maps.groups) if maps.groups else None
        self._replicas = loaded.map(maps.replicas) if maps.replicas else None
        self._fans = loaded.map(maps.fans) if maps.fans else None
        if maps.groups and maps.groups not in loaded.inner:
            raise BundleError(f"map {maps.groups} has no template for its groups")
        self._template = loaded.inner.get(maps.groups)
        self._bases: dict[int, int] = {}
        self._loops: set[int] = set()
        if self._fans is not None:
            for copies in range(1, _MOST_CLONES + 1):
                self._need_loop(copies)
            self._put_beside_ports()

    def put(self, new: Fanout, before: Fanout | None) -> None:
        """Make a fanout what it should be: packets go to the old replicas or to the new ones, never to a mix."""
        if self._maps.copies_loop:
            self._put_loop(new)
            return
        rids = dict(_by_port(new))
        if self._replicas is not None:
            for key, value in rids.items():
                self._replicas.put(key, value)
        self._put_devices(new.group, self._present(new))
        self._put_fan(new, len(self._present(new)), 0)
        if self._replicas is not None and before is not None:
            for key in dict(_by_port(before)).keys() - rids.keys():
                self._replicas.delete(key)

    def drop(self, old: Fanout) -> None:
        """Remove a fanout."""
        key = struct.pack("<I", old.group)
        if self._fans is not None:
            self._fans.delete(key)
        if self._maps.copies_loop:
            self._bases.pop(old.group, None)
            for base in _BASES:
                self._clear(old.group, base)
            return
        if self._groups is not None:
            self._groups.delete(key)
        if self._replicas is not None:
            for rid_key, _ in _by_port(old):
                self._replicas.delete(rid_key)

    def use_egress(self, program_fd: int, fanouts: Sequence[Fanout]) -> None:
        """Let these copies, and all that are written later, run another program on their way out."""
        self._egress_fd = program_fd
        if not self._maps.copies_loop:
            for fanout in fanouts:
                self._put_devices(fanout.group, self._present(fanout))
            if self._fans is not None:
                self._put_beside_ports()

    def _put_loop(self, new: Fanout) -> None:
        """Write the replicas beside the old ones, and switch over by one element."""
        base = _BASES[self._bases.get(new.group, _BASES[1]) == _BASES[0]]
        self._clear(new.group, base)
        if self._replicas is not None:
            for n, copy in enumerate(new.replicas):
                self._replicas.put(_replica_key(new.group, LOOP_REPLICA_PORT, base + n), _replica_value(copy))
        if new.replicas:
            self._need_loop(len(new.replicas))
        self._put_fan(new, len(new.replicas), base)
        self._bases[new.group] = base

    def _clear(self, group: int, base: int) -> None:
        n = 0
        while self._replicas is not None and self._replicas.delete(
            _replica_key(group, LOOP_REPLICA_PORT, base + n)
        ):
            n += 1

    def _put_fan(self, new: Fanout, copies: int, base: int) -> None:
        if self._fans is not None:
            ports = sum(1 << port for port in {replica.port for replica in new.replicas})
            value = _FAN.pack(copies, new.max_bytes, new.priority, base)
            value += ports.to_bytes(self._maps.max_ports // 8, "little")
            self._fans.put(struct.pack("<I", new.group), value)

    def _need_loop(self, copies: int) -> None:
        """See to a DEVMAP that has the loop port so many times."""
        if copies not in self._loops:
            if not self._devices.loop:
                raise BundleError("the program needs a loop port, and the switch has none")
            self._put_devices(LOOP_GROUP + copies, [self._devices.loop] * copies, -1)
            self._loops.add(copies)

    def _put_beside_ports(self) -> None:
        """A DEVMAP of each port and the loop port behind it, for originals that go on while their clone is made."""
        if self._maps.copies_loop:
            return
        for number, port in self._devices.ports.items():
            if port.exists and number < self._maps.max_ports:
                devices = [(port.ifindex, self._egress_fd), (self._devices.loop, -1)]
                self._write_devices(LOOP_AND_PORT + number, devices)

    def _present(self, fanout: Fanout) -> list[int]:
        ports = [self._devices.ports[r.port] for r in fanout.replicas if r.port in self._devices.ports]
        return [port.ifindex for port in ports if port.exists]

    def _put_devices(self, group: int, indexes: Sequence[int], program_fd: int | None = None) -> None:
        fd = self._egress_fd if program_fd is None else program_fd
        self._write_devices(group, [(ifindex, fd) for ifindex in indexes])

    def _write_devices(self, group: int, devices: Sequence[tuple[int, int]]) -> None:
        """Replace the DEVMAP of a group by one of (interface index, program)."""
        if self._groups is None:
            return
        if self._template is None:
            raise BundleError(f"map {self._groups.info} has no template for its groups")
        info = replace(self._template, name=f"group{group}", max_entries=max(len(devices), 1))
        inner = BpfMap(info, libbpf.create_map(info))
        try:
            for i, (ifindex, fd) in enumerate(devices):
                inner.put(struct.pack("<I", i), device_value(ifindex, fd, info.value_size))
            self._groups.put(struct.pack("<I", group), struct.pack("<I", inner.fd))
        finally:
            os.close(inner.fd)


def _by_port(fanout: Fanout) -> Iterator[tuple[bytes, bytes]]:
    """The elements of the replicas map when ports tell copies apart."""
    seen: Counter[int] = Counter()
    for copy in fanout.replicas:
        yield _replica_key(fanout.group, copy.port, seen[copy.port]), _replica_value(copy)
        seen[copy.port] += 1


def _replica_key(group: int, port: int, nth: int) -> bytes:
    return struct.pack("<IHH", group, port, nth)


def _replica_value(replica: Replica) -> bytes:
    return struct.pack("<I", replica.port << 16 | replica.instance)


def fan_size(max_ports: int) -> int:
    """Bytes of a value of the fans map."""
    return _FAN.size + max_ports // 8
