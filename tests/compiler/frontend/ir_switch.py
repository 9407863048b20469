"""A switch around the IR machine: v1model's externs, drop, multicast, clone, resubmit and recirculate."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field

from ir_machine import Machine
from ir_values import Stored, VarbitValue, copied, fresh

from rackplane.compiler import ir

DROP_PORT = 511
_CRC32, _CRC16, _IDENTITY, _CSUM16, _XOR16 = 0, 2, 5, 6, 7


@dataclass
class Requests:
    """What a packet asked for in this pass."""

    clone: tuple[int, int | None] | None = None
    resubmit: int | None = None
    recirculate: int | None = None
    truncate: int | None = None


@dataclass(frozen=True)
class Arrival:
    """A packet at the parser: its port, bytes and instance type, and the metadata fields that came with it."""

    port: int
    packet: bytes
    instance: int = 0
    kept: dict[str, Stored] = field(default_factory=dict)


@dataclass
class Switch:
    """A running program; `process` gives the packets that leave, with their ports."""

    pipeline: ir.Pipeline
    groups: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    sessions: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    digests: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    counts: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machine = Machine(self.pipeline, {n: getattr(self, "_" + n.replace(".", "_")) for n in _EXTERNS})
        self.requests = Requests()

    # A packet's way

    def process(self, port: int, packet: bytes) -> list[tuple[int, bytes]]:
        """Send one packet in."""
        out: list[tuple[int, bytes]] = []
        waiting = [Arrival(port, packet)]
        for _ in range(16):
            if not waiting:
                break
            self._ingress(waiting.pop(0), out, waiting)
        return out

    def _standard(self) -> dict[str, Stored]:
        fields: dict[str, Stored] = self.machine.variables["standard_metadata"].fields
        return fields

    def _start(self, arrival: Arrival) -> None:
        machine = self.machine
        roots = {"hdr": self.pipeline.headers, "meta": self.pipeline.metadata}
        machine.variables = {n: fresh(t) for n, t in roots.items()}
        machine.variables["standard_metadata"] = fresh(self.pipeline.standard_metadata)
        standard = self._standard()
        standard.update(
            ingress_port=arrival.port, packet_length=len(arrival.packet), instance_type=arrival.instance
        )
        for key, value in arrival.kept.items():
            machine.store(self._places()[key], value)
        self.requests = Requests()

    def _places(self) -> dict[str, ir.Place]:
        return {str(p): p for each in self.pipeline.field_lists for p in each.places}

    def _keep(self, index: int | None) -> dict[str, Stored]:
        lists = {f.index: f.places for f in self.pipeline.field_lists}
        return {str(p): copied(self.machine.evaluate(p)) for p in lists.get(index or 0, ())} if index else {}

    def _ingress(self, arrival: Arrival, out: list[tuple[int, bytes]], waiting: list[Arrival]) -> None:
        port, packet = arrival.port, arrival.packet
        self._start(arrival)
        machine = self.machine
        self._standard()["parser_error"] = machine.parse(packet)
        machine.control(self.pipeline.verify)
        machine.control(self.pipeline.ingress)
        state, requests, cursor = machine.variables, self.requests, machine.cursor
        if requests.clone is not None:
            session, index = requests.clone
            fields = self._keep(index)
            for copy_port, rid in self.sessions.get(session, []):
                self._start(Arrival(port, packet, 1, fields))
                machine.parse(packet)
                self._standard().update(egress_rid=rid, parser_error=0)
                self._egress(copy_port, out, waiting)
            machine.variables, machine.cursor, machine.packet = state, cursor, packet
        standard = self._standard()
        if requests.resubmit is not None:
            waiting.append(Arrival(port, packet, 6, self._keep(requests.resubmit)))
            return
        group = standard["mcast_grp"]
        targets = [(standard["egress_spec"], 0)] if not group else self.groups.get(group, [])
        for target, rid in targets:
            if target == DROP_PORT:
                continue
            machine.variables, machine.cursor, machine.packet = copied_state(state), cursor, packet
            self.requests = Requests(truncate=requests.truncate)
            self._standard()["egress_rid"] = rid
            self._standard()["instance_type"] = 5 if group else 0
            self._egress(target, out, waiting)

    def _egress(self, port: int, out: list[tuple[int, bytes]], waiting: list[Arrival]) -> None:
        machine, standard = self.machine, self._standard()
        standard.update(egress_port=port, egress_spec=port)
        machine.control(self.pipeline.egress)
        dropped = self._standard()["egress_spec"] == DROP_PORT
        requests, state, original, cursor = self.requests, machine.variables, machine.packet, machine.cursor
        if requests.clone is not None:
            fields = self._keep(requests.clone[1])
            for copy_port, rid in self.sessions.get(requests.clone[0], []):
                machine.variables = copied_state(state)
                machine.variables["meta"] = fresh(self.pipeline.metadata)
                for key, value in fields.items():
                    machine.store(self._places()[key], value)
                self._standard().update(instance_type=2, egress_rid=rid)
                self.requests = Requests()
                self._egress(copy_port, out, waiting)
            machine.variables, machine.packet, machine.cursor = state, original, cursor
        if dropped:
            return
        machine.control(self.pipeline.compute)
        packet = machine.deparse()
        if requests.recirculate is not None:
            waiting.append(Arrival(self._standard()["ingress_port"], packet, 4, self._keep(requests.recirculate)))
            return
        out.append((port, packet if requests.truncate is None else packet[: requests.truncate]))

    # Externs

    def _value(self, argument: ir.Argument | None) -> Stored | tuple[Stored, ...] | str | None:
        if isinstance(argument, tuple):
            return tuple(self.machine.evaluate(a) for a in argument)
        return argument if isinstance(argument, str) or argument is None else self.machine.evaluate(argument)

    def _mark_to_drop(self, machine: Machine, s: ir.CallExtern) -> None:
        self._standard().update(egress_spec=DROP_PORT, mcast_grp=0)

    def _digest(self, machine: Machine, s: ir.CallExtern) -> None:
        self.digests.append((s.instance or "", self._value(s.arguments[1])))

    def _random(self, machine: Machine, s: ir.CallExtern) -> None:
        machine.store(s.arguments[0], self._value(s.arguments[1]))  # type: ignore[arg-type]

    def _clone(self, machine: Machine, s: ir.CallExtern) -> None:
        self.requests.clone = (self._value(s.arguments[1]), None)

    def _clone_preserving_field_list(self, machine: Machine, s: ir.CallExtern) -> None:
        self.requests.clone = (self._value(s.arguments[1]), self._value(s.arguments[2]))

    def _resubmit_preserving_field_list(self, machine: Machine, s: ir.CallExtern) -> None:
        self.requests.resubmit = self._value(s.arguments[0])

    def _recirculate_preserving_field_list(self, machine: Machine, s: ir.CallExtern) -> None:
        self.requests.recirculate = self._value(s.arguments[0])

    def _truncate(self, machine: Machine, s: ir.CallExtern) -> None:
        self.requests.truncate = self._value(s.arguments[0])

    def _assert(self, machine: Machine, s: ir.CallExtern) -> None:
        if not self._value(s.arguments[0]):
            raise AssertionError(f"assert failed at {s.span}")

    _assume = _assert

    def _log_msg(self, machine: Machine, s: ir.CallExtern) -> None:
        """Nobody listens."""

    def _register_read(self, machine: Machine, s: ir.CallExtern) -> None:
        values, index = machine.registers[s.instance or ""], self._value(s.arguments[1])
        machine.store(s.arguments[0], values[index] if index < len(values) else 0)  # type: ignore[arg-type]

    def _register_write(self, machine: Machine, s: ir.CallExtern) -> None:
        values, index = machine.registers[s.instance or ""], self._value(s.arguments[0])
        if index < len(values):
            values[index] = self._value(s.arguments[1])

    def _counter_count(self, machine: Machine, s: ir.CallExtern) -> None:
        key = (s.instance or "", self._value(s.arguments[0]))
        self.counts[key] = self.counts.get(key, 0) + 1

    def _direct_counter_count(self, machine: Machine, s: ir.CallExtern) -> None:
        """Direct counters count by themselves."""

    def _meter_execute_meter(self, machine: Machine, s: ir.CallExtern) -> None:
        machine.store(s.arguments[1], 0)  # type: ignore[arg-type]

    def _direct_meter_read(self, machine: Machine, s: ir.CallExtern) -> None:
        machine.store(s.arguments[0], 0)  # type: ignore[arg-type]

    # Hashes and checksums

    def _data(self, arguments: ir.Argument, payload: bytes = b"") -> bytes:
        value = width = 0
        for each in arguments if isinstance(arguments, tuple) else (arguments,):
            found = self.machine.evaluate(each)  # type: ignore[arg-type]
            if isinstance(found, VarbitValue):
                number, bits = found.value, found.width
            else:
                t = each.type  # type: ignore[union-attr]
                bits = t.width if isinstance(t, ir.Bits) else 0
                number = found & ((1 << bits) - 1)
            value, width = (value << bits) | number, width + bits
        pad = -width % 8
        return (value << pad).to_bytes((width + pad) // 8, "big") + payload

    def _hash(self, machine: Machine, s: ir.CallExtern) -> None:
        target, algorithm, base, data, most = s.arguments
        digest = checksum(self._value(algorithm), self._data(data))
        low, high = self._value(base), self._value(most)
        t = target.type  # type: ignore[union-attr]
        result = low + digest % high if high else low
        machine.store(target, result & ((1 << t.width) - 1))  # type: ignore[arg-type]

    def _checked(self, s: ir.CallExtern, payload: bytes) -> int | None:
        condition, data, _, algorithm = s.arguments
        if not self._value(condition):
            return None
        return checksum(self._value(algorithm), self._data(data, payload))

    def _payload(self) -> bytes:
        return self.machine.packet[self.machine.cursor // 8 :]

    def _verify_checksum(self, machine: Machine, s: ir.CallExtern, payload: bytes = b"") -> None:
        found = self._checked(s, payload)
        t = s.arguments[2].type  # type: ignore[union-attr]
        if found is not None and found & ((1 << t.width) - 1) != self._value(s.arguments[2]):
            self._standard()["checksum_error"] = 1

    def _update_checksum(self, machine: Machine, s: ir.CallExtern, payload: bytes = b"") -> None:
        found = self._checked(s, payload)
        if found is not None:
            t = s.arguments[2].type  # type: ignore[union-attr]
            machine.store(s.arguments[2], found & ((1 << t.width) - 1))  # type: ignore[arg-type]

    def _verify_checksum_with_payload(self, machine: Machine, s: ir.CallExtern) -> None:
        self._verify_checksum(machine, s, self._payload())

    def _update_checksum_with_payload(self, machine: Machine, s: ir.CallExtern) -> None:
        self._update_checksum(machine, s, self._payload())


def copied_state(variables: dict[str, Stored]) -> dict[str, Stored]:
    """A deep copy of all variables."""
    return {name: copied(value) for name, value in variables.items()}


def checksum(algorithm: int, data: bytes) -> int:
    """v1model's HashAlgorithm by its index."""
    if algorithm == _CRC32:
        return binascii.crc32(data)
    if algorithm == _CRC16:
        return _crc16(data)
    words = [int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2)]
    if algorithm == _CSUM16:
        total = sum(words)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return total ^ 0xFFFF
    if algorithm == _XOR16:
        result = 0
        for word in words:
            result ^= word
        return result
    if algorithm == _IDENTITY:
        return int.from_bytes(data, "big") & 0xFFFFFFFFFFFFFFFF
    raise ValueError(f"HashAlgorithm {algorithm} is not modelled")


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc


_EXTERNS = (
    "mark_to_drop",
    "digest",
    "random",
    "clone",
    "clone_preserving_field_list",
    "resubmit_preserving_field_list",
    "recirculate_preserving_field_list",
    "truncate",
    "assert",
    "assume",
    "log_msg",
    "register.read",
    "register.write",
    "counter.count",
    "direct_counter.count",
    "meter.execute_meter",
    "direct_meter.read",
    "hash",
    "verify_checksum",
    "update_checksum",
    "verify_checksum_with_payload",
    "update_checksum_with_payload",
)
