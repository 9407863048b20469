"""STF's replication, clone and register commands as P4Runtime requests.

simple_switch_CLI numbers multicast nodes by creation, and associates them with groups; P4Runtime writes a group
with all its replicas. So the groups are kept here, and written anew when one changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from finsy.proto import p4d, p4i, p4r

from rackplane.switch.stf.client import Client
from rackplane.switch.stf.entries import canonical, find_named
from rackplane.switch.stf.script import Control, StfError, parse_number

_MICROSECONDS = 1_000_000
_BUCKETS = ("CIR:CBURST", "PIR:PBURST")


@dataclass(frozen=True)
class _Node:
    rid: int
    ports: tuple[int, ...]


@dataclass
class Controls:
    """Carries out Control commands on a switch, and remembers the groups that they build."""

    client: Client
    info: p4i.P4Info
    _nodes: list[_Node] = field(default_factory=list)
    _groups: dict[int, list[_Node]] = field(default_factory=dict)
    _mirrored: dict[int, int | None] = field(default_factory=dict)

    def run(self, command: Control) -> None:
        """Carry out one command. Raises StfError for what is malformed or unknown."""
        action = _VERBS.get(command.verb)
        if action is None:
            raise StfError(command.line, f"{command.verb} cannot be said over P4Runtime")
        try:
            action(self, command)
        except IndexError as e:
            raise StfError(command.line, f"{command.verb} needs more arguments") from e
        except StfError:
            raise
        except (ValueError, OverflowError) as e:
            raise StfError(command.line, f"{command.verb} has a number that P4Runtime has no room for: {e}") from e

    def create_group(self, command: Control) -> None:
        """mc_mgrp_create GROUP."""
        group = _number(command, 0)
        self._groups[group] = []

    def create_node(self, command: Control) -> None:
        """mc_node_create RID PORT...: its handle is the number of nodes created before."""
        ports = tuple(_number(command, i) for i in range(1, len(command.arguments)))
        self._nodes.append(_Node(_number(command, 0), ports))

    def associate(self, command: Control) -> None:
        """mc_node_associate GROUP HANDLE."""
        group, handle = _number(command, 0), _number(command, 1)
        if group not in self._groups or not 0 <= handle < len(self._nodes):
            raise StfError(command.line, f"there is no group {group} or no node {handle}")
        before = list(self._groups[group])
        self._groups[group].append(self._nodes[handle])
        entry = p4r.MulticastGroupEntry(multicast_group_id=group, replicas=self._replicas(group))
        kind = p4r.Update.MODIFY if before else p4r.Update.INSERT
        self._write(kind, p4r.PacketReplicationEngineEntry(multicast_group_entry=entry))
        for session in [s for s, g in self._mirrored.items() if g == group]:
            self._set_session(session, self._replicas(group), p4r.Update.MODIFY)

    def mirror(self, command: Control) -> None:
        """mirroring_add SESSION PORT: the copies have egress_rid 0."""
        session, port = _number(command, 0), _number(command, 1)
        self._mirror(session, None, [p4r.Replica(egress_port=port)])

    def mirror_group(self, command: Control) -> None:
        """mirroring_add_mc SESSION GROUP."""
        session, group = _number(command, 0), _number(command, 1)
        self._mirror(session, group, self._replicas(group))

    def _mirror(self, session: int, group: int | None, replicas: list[p4r.Replica]) -> None:
        """simple_switch_CLI's commands replace a session that is there."""
        known = session in self._mirrored
        self._mirrored[session] = group
        self._set_session(session, replicas, p4r.Update.MODIFY if known else p4r.Update.INSERT)

    def read_mirror(self, command: Control) -> None:
        """mirroring_get SESSION: for people to look at; a script cannot compare with it."""
        entry = p4r.CloneSessionEntry(session_id=_number(command, 0))
        replication = p4r.PacketReplicationEngineEntry(clone_session_entry=entry)
        self.client.read(p4r.Entity(packet_replication_engine_entry=replication))

    def delete_mirror(self, command: Control) -> None:
        """mirroring_delete SESSION."""
        session = p4r.CloneSessionEntry(session_id=_number(command, 0))
        self._mirrored.pop(session.session_id, None)
        self._write(p4r.Update.DELETE, p4r.PacketReplicationEngineEntry(clone_session_entry=session))

    def write_register(self, command: Control) -> None:
        """register_write NAME INDEX VALUE."""
        self._put_register(command, _number(command, 1), _number(command, 2))

    def reset_register(self, command: Control) -> None:
        """register_reset NAME: every element is zero again."""
        register = self._register(command)
        for index in range(register.size):
            self._put_register(command, index, 0)

    def read_register(self, command: Control) -> None:
        """register_read NAME [INDEX]: for people to look at; a script cannot compare with it."""
        entry = p4r.RegisterEntry(register_id=self._register(command).preamble.id)
        if len(command.arguments) > 1:
            entry.index.index = _number(command, 1)
        self.client.read(p4r.Entity(register_entry=entry))

    def set_meter(self, command: Control) -> None:
        """meter_set_rates NAME INDEX CIR:CBURST PIR:PBURST; rates are per microsecond (simple_switch_CLI)."""
        self._put_meter(command, _number(command, 1), command.arguments[2:])

    def set_meters(self, command: Control) -> None:
        """meter_array_set_rates NAME CIR:CBURST PIR:PBURST: every meter of the array."""
        self._put_meter(command, None, command.arguments[1:])

    def read_meter(self, command: Control) -> None:
        """meter_get_rates NAME INDEX: for people to look at; a script cannot compare with it."""
        entry = p4r.MeterEntry(
            meter_id=self._meter(command).preamble.id, index=p4r.Index(index=_number(command, 1))
        )
        self.client.read(p4r.Entity(meter_entry=entry))

    def nothing(self, command: Control) -> None:
        """mirroring_get and other commands that only print."""

    def _replicas(self, group: int) -> list[p4r.Replica]:
        nodes = self._groups.get(group, [])
        return [p4r.Replica(egress_port=port, instance=node.rid) for node in nodes for port in node.ports]

    def _set_session(self, session: int, replicas: list[p4r.Replica], kind: p4r.Update.Type.ValueType) -> None:
        entry = p4r.CloneSessionEntry(session_id=session, replicas=replicas)
        self._write(kind, p4r.PacketReplicationEngineEntry(clone_session_entry=entry))

    def _write(self, kind: p4r.Update.Type.ValueType, entry: p4r.PacketReplicationEngineEntry) -> None:
        entity = p4r.Entity(packet_replication_engine_entry=entry)
        self.client.write([p4r.Update(type=kind, entity=entity)])

    def _meter(self, command: Control) -> p4i.Meter:
        return find_named(self.info.meters, command.arguments[0], command.line, "meter")

    def _put_meter(self, command: Control, index: int | None, rates: tuple[str, ...]) -> None:
        if len(rates) != len(_BUCKETS):
            raise StfError(command.line, f"{command.verb} needs {_BUCKETS[0]} and {_BUCKETS[1]}")
        (cir, cburst), (pir, pburst) = (_rate(text, command.line) for text in rates)
        entry = p4r.MeterEntry(meter_id=self._meter(command).preamble.id)
        if index is not None:
            entry.index.index = index
        entry.config.CopyFrom(p4r.MeterConfig(cir=cir, cburst=cburst, pir=pir, pburst=pburst))
        self.client.write([p4r.Update(type=p4r.Update.MODIFY, entity=p4r.Entity(meter_entry=entry))])

    def _register(self, command: Control) -> p4i.Register:
        return find_named(self.info.registers, command.arguments[0], command.line, "register")

    def _put_register(self, command: Control, index: int, value: int) -> None:
        data = p4d.P4Data(bitstring=canonical(value))
        entry = p4r.RegisterEntry(
            register_id=self._register(command).preamble.id, index=p4r.Index(index=index), data=data
        )
        self.client.write([p4r.Update(type=p4r.Update.MODIFY, entity=p4r.Entity(register_entry=entry))])


def _number(command: Control, index: int) -> int:
    return parse_number(command.arguments[index], command.line)


def _rate(text: str, line: int) -> tuple[int, int]:
    """Read RATE:BURST: the rate per second, and the burst."""
    rate, _, burst = text.partition(":")
    try:
        return round(float(rate) * _MICROSECONDS), parse_number(burst, line)
    except (ValueError, OverflowError) as e:
        raise StfError(line, f"'{text}' is not a rate and a burst, such as 0.5:100") from e


_VERBS: dict[str, Callable[[Controls, Control], None]] = {
    "mc_mgrp_create": Controls.create_group,
    "mc_node_create": Controls.create_node,
    "mc_node_associate": Controls.associate,
    "mirroring_add": Controls.mirror,
    "mirroring_add_mc": Controls.mirror_group,
    "mirroring_delete": Controls.delete_mirror,
    "mirroring_get": Controls.read_mirror,
    "register_write": Controls.write_register,
    "register_reset": Controls.reset_register,
    "register_read": Controls.read_register,
    "counter_read": Controls.nothing,
    "meter_get_rates": Controls.read_meter,
    "meter_set_rates": Controls.set_meter,
    "meter_array_set_rates": Controls.set_meters,
}
