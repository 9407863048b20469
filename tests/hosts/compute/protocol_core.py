"""The pure protocol core of librackmem, called from Python: faults and packets in, actions out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_bool, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from enum import IntEnum

from rack_packets import WITH_COHERENCE, WITH_RETH, Coherence, Packet

from rackplane.hosts.compute.build import library_path
from rackplane.hosts.compute.library import StatsStruct, load_library


class ActionKind(IntEnum):
    SEND = 0
    INSTALL = 1
    REMAP = 2
    HIDE = 3
    PROTECT = 4
    UNPROTECT = 5
    DROP = 6
    WAKE = 7
    FAIL = 8


class Failure(IntEnum):
    SILENCE = 1
    BUSY = 2
    INVALID = 3
    ACCESS = 4
    REMOTE = 5
    NO_ROOM = 6
    LOST = 7


class AnswerStruct(ctypes.Structure):
    _fields_ = (
        ("region_log2", c_uint8),
        ("permission", c_uint8),
        ("pending", c_bool),
        ("version", c_uint16),
    )


class CoherenceStruct(ctypes.Structure):
    _fields_ = (
        ("va", c_uint64),
        ("page", c_uint64),
        ("peer_qp", c_uint32),
        ("peer_psn", c_uint32),
        ("version", c_uint16),
        ("flags", c_uint8),
        ("region_log2", c_uint8),
        ("requester", c_uint8),
        ("false_pages", c_uint8),
    )


class MessageStruct(ctypes.Structure):
    _fields_ = (
        ("opcode", c_uint8),
        ("syndrome", c_uint8),
        ("qp", c_uint32),
        ("psn", c_uint32),
        ("va", c_uint64),
        ("rkey", c_uint32),
        ("length", c_uint32),
        ("swap_or_add", c_uint64),
        ("compare", c_uint64),
        ("original", c_uint64),
        ("answer", AnswerStruct),
        ("coherence", CoherenceStruct),
        ("payload", c_void_p),
        ("payload_length", c_uint32),
    )


class ActionStruct(ctypes.Structure):
    _fields_ = (
        ("kind", c_uint8),
        ("reason", c_uint8),
        ("writable", c_bool),
        ("va", c_uint64),
        ("started", c_uint64),
        ("data", c_void_p),
        ("message", MessageStruct),
    )


class TimesStruct(ctypes.Structure):
    _fields_ = tuple(
        (name, c_uint64)
        for name in ("retransmit", "retransmit_most", "busy", "busy_most", "reset", "give_up", "defer", "hold")
    )


class ProtocolOptionsStruct(ctypes.Structure):
    _fields_ = (
        ("domain", c_uint32),
        ("first_qp", c_uint32),
        ("first_psn", c_uint32),
        ("capacity", c_uint32),
        ("seed", c_uint32),
        ("times", TimesStruct),
    )


MIRRORS: dict[str, type[ctypes.Structure]] = {
    "struct coherent_answer": AnswerStruct,
    "struct coherence": CoherenceStruct,
    "struct message": MessageStruct,
    "struct action": ActionStruct,
    "struct protocol_times": TimesStruct,
    "struct protocol_options": ProtocolOptionsStruct,
}
"""What tests check against the C headers."""

PERFORM = CFUNCTYPE(None, c_void_p, POINTER(ActionStruct))


@dataclass(frozen=True)
class Action:
    """An action as a value. `data` is what an INSTALL brings."""

    kind: ActionKind
    va: int
    writable: bool = False
    reason: int = 0
    data: bytes = b""
    packet: Packet | None = None
    payload_length: int = 0


@dataclass(frozen=True)
class Times:
    """Nanoseconds; the library's own defaults."""

    retransmit: int = 2_000_000
    retransmit_most: int = 64_000_000
    busy: int = 8_000
    busy_most: int = 1_000_000
    reset: int = 1_000_000_000
    give_up: int = 10_000_000_000
    defer: int = 500_000
    hold: int = 20_000


NEVER = 2**64 - 1


def _library() -> ctypes.CDLL:
    library = load_library(library_path())
    prototypes = {
        "protocol_new": (c_void_p, (POINTER(ProtocolOptionsStruct), POINTER(StatsStruct), PERFORM, c_void_p)),
        "protocol_delete": (None, (c_void_p,)),
        "protocol_map": (c_bool, (c_void_p, c_uint64, c_uint64)),
        "protocol_unmap": (c_bool, (c_void_p, c_uint64, c_uint64)),
        "protocol_fault": (None, (c_void_p, c_uint64, c_bool, c_uint64)),
        "protocol_local_fault": (None, (c_void_p, c_uint64, c_bool, c_uint64)),
        "protocol_receive": (None, (c_void_p, POINTER(MessageStruct), c_uint64)),
        "protocol_tick": (None, (c_void_p, c_uint64)),
        "protocol_drain": (None, (c_void_p, c_uint64, c_uint64, c_bool, c_uint64)),
        "protocol_drained": (c_bool, (c_void_p,)),
        "protocol_wake_at": (c_uint64, (c_void_p,)),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def to_packet(message: MessageStruct) -> Packet:
    """What the core sends; the payload is the caller's to add."""
    coherence = Coherence()
    if message.opcode in WITH_COHERENCE:
        fields = (name for name, _ in CoherenceStruct._fields_)
        coherence = Coherence(**{name: getattr(message.coherence, name) for name in fields})
    reth = {"va": message.va, "rkey": message.rkey, "length": message.length}
    return Packet(
        opcode=message.opcode,
        qp=message.qp,
        psn=message.psn,
        coherence=coherence,
        **(reth if message.opcode in WITH_RETH else {}),
    )


def to_message(packet: Packet, buffer: ctypes.Array[ctypes.c_char]) -> MessageStruct:
    message = MessageStruct(opcode=packet.opcode, syndrome=packet.syndrome, qp=packet.qp, psn=packet.psn)
    message.answer.region_log2 = packet.msn >> 19
    message.answer.pending = packet.msn >> 18 & 1
    message.answer.permission = packet.msn >> 16 & 3
    message.answer.version = packet.msn & 0xFFFF
    for name, _ in CoherenceStruct._fields_:
        setattr(message.coherence, name, getattr(packet.coherence, name))
    ctypes.memmove(buffer, packet.payload, len(packet.payload))
    message.payload = ctypes.addressof(buffer)
    message.payload_length = len(packet.payload)
    return message


class Core:
    """One blade's protocol. Actions are given to `perform` as they come; Core.stats counts."""

    def __init__(
        self,
        perform: Callable[[Action], None],
        *,
        first_qp: int = 1,
        first_psn: int = 0,
        capacity: int = 64,
        seed: int = 1,
        times: Times | None = None,
    ) -> None:
        self._library = _library()
        self._perform = perform
        self._callback = PERFORM(self._on_action)
        self._buffer = ctypes.create_string_buffer(2048)
        self.stats = StatsStruct()
        options = ProtocolOptionsStruct(1, first_qp, first_psn, capacity, seed)
        options.times = TimesStruct(**vars(times or Times()))
        self._core = self._library.protocol_new(
            ctypes.byref(options), ctypes.byref(self.stats), self._callback, None
        )
        assert self._core

    def _on_action(self, _: int, action: ctypes._Pointer[ActionStruct]) -> None:
        struct = action.contents
        kind = ActionKind(struct.kind)
        data = ctypes.string_at(struct.data, 4096) if kind == ActionKind.INSTALL else b""
        packet = to_packet(struct.message) if kind == ActionKind.SEND else None
        self._perform(
            Action(kind, struct.va, struct.writable, struct.reason, data, packet, struct.message.payload_length)
        )

    def close(self) -> None:
        self._library.protocol_delete(self._core)

    def map(self, va: int, length: int) -> bool:
        return bool(self._library.protocol_map(self._core, va, length))

    def unmap(self, va: int, length: int) -> bool:
        return bool(self._library.protocol_unmap(self._core, va, length))

    def fault(self, va: int, *, write: bool, now: int) -> None:
        self._library.protocol_fault(self._core, va, write, now)

    def local_fault(self, va: int, *, write: bool, now: int) -> None:
        self._library.protocol_local_fault(self._core, va, write, now)

    def receive(self, packet: Packet, now: int) -> None:
        message = to_message(packet, self._buffer)
        self._library.protocol_receive(self._core, ctypes.byref(message), now)

    def tick(self, now: int) -> None:
        self._library.protocol_tick(self._core, now)

    def drain(self, va: int, end: int, *, give_up: bool, now: int) -> None:
        self._library.protocol_drain(self._core, va, end, give_up, now)

    def drained(self) -> bool:
        return bool(self._library.protocol_drained(self._core))

    def wake_at(self) -> int:
        return int(self._library.protocol_wake_at(self._core))
