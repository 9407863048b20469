"""RoCEv2 and the rack's verbs as scapy layers, and frames as values: a second description of the wire.

It is written from docs/wire.md alone, so that p4src/ and its tests do not share a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from scapy.fields import (
    BitField,
    ByteEnumField,
    ByteField,
    IntField,
    LongField,
    ShortField,
    ThreeBytesField,
    XIntField,
    XLongField,
)
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

ROCE_PORT = 4791
RACK_IP = "10.0.255.254"
RACK_MAC = "02:00:00:00:ff:fe"


class Op(IntEnum):
    WRITE = 0x0A
    READ = 0x0C
    READ_RESPONSE = 0x10
    ACKNOWLEDGE = 0x11
    ATOMIC_ACKNOWLEDGE = 0x12
    COMPARE_SWAP = 0x13
    FETCH_ADD = 0x14
    GET_SHARED = 0xC0
    GET_MODIFIED = 0xC1
    INVALIDATE = 0xC2
    INVALIDATE_ACK = 0xC3
    PUSH = 0xC4
    PUSH_EMPTY = 0xC5
    GRANT = 0xC6
    EVICT = 0xC7
    RESET = 0xC8


ACK, RNR, INVALID, ACCESS = 0x00, 0x20, 0x61, 0x62
DOWNGRADE, KEPT, MODIFIED, CONFIRM, STALE, NO_PAGE = 1, 2, 4, 8, 16, 32
SHARED_PERMISSION, MODIFIED_PERMISSION = 1, 2


class BTH(Packet):
    fields_desc = (
        ByteEnumField("opcode", 0, {op.value: op.name for op in Op}),
        BitField("solicited", 0, 1),
        BitField("migration", 0, 1),
        BitField("pad_count", 0, 2),
        BitField("version", 0, 4),
        ShortField("pkey", 0xFFFF),
        BitField("fecn", 0, 1),
        BitField("becn", 0, 1),
        BitField("reserved1", 0, 6),
        ThreeBytesField("dest_qp", 0),
        BitField("ack_request", 0, 1),
        BitField("reserved2", 0, 7),
        ThreeBytesField("psn", 0),
    )


class RETH(Packet):
    fields_desc = (XLongField("va", 0), XIntField("rkey", 0), IntField("length", 0))


class AETH(Packet):
    fields_desc = (ByteField("syndrome", 0), ThreeBytesField("msn", 0))


class AtomicETH(Packet):
    fields_desc = (XLongField("va", 0), XIntField("rkey", 0), LongField("swap_or_add", 0), LongField("compare", 0))


class AtomicAckETH(Packet):
    fields_desc = (LongField("original", 0),)


class CohETH(Packet):
    fields_desc = (
        XLongField("va", 0),
        XLongField("page", 0),
        ByteField("flags", 0),
        ByteField("region_log2", 0),
        ShortField("version", 0),
        ByteField("requester", 0),
        ThreeBytesField("peer_qp", 0),
        ByteField("false_pages", 0),
        ThreeBytesField("peer_psn", 0),
    )


@dataclass(frozen=True)
class Reth:
    va: int
    rkey: int
    length: int


@dataclass(frozen=True)
class Aeth:
    syndrome: int
    msn: int = 0


@dataclass(frozen=True)
class Atomic:
    va: int
    rkey: int
    swap_or_add: int
    compare: int


@dataclass(frozen=True)
class Coh:
    va: int
    version: int = 0
    page: int = 0
    flags: int = 0
    region_log2: int = 0
    requester: int = 0
    peer_qp: int = 0
    peer_psn: int = 0
    false_pages: int = 0


@dataclass(frozen=True)
class Verb:
    """A RoCE packet from BTH on, without the ICRC."""

    op: int
    qp: int = 0
    psn: int = 0
    reth: Reth | None = None
    aeth: Aeth | None = None
    atomic: Atomic | None = None
    coh: Coh | None = None
    payload: bytes = b""

    def headers(self) -> list[Packet]:
        layers: list[Packet] = [BTH(opcode=self.op, dest_qp=self.qp, psn=self.psn)]
        if self.aeth:
            layers.append(AETH(**vars(self.aeth)))
        if self.reth:
            layers.append(RETH(**vars(self.reth)))
        if self.atomic:
            layers.append(AtomicETH(**vars(self.atomic)))
        if self.coh:
            layers.append(CohETH(**vars(self.coh)))
        return layers


@dataclass(frozen=True)
class Host:
    """A blade's addresses and port."""

    port: int
    ip: str
    mac: str


def frame(verb: Verb, host: Host, **ip_fields: object) -> bytes:
    """The packet as `host` sends it to the rack."""
    packet = Ether(src=host.mac, dst=RACK_MAC) / IP(src=host.ip, dst=RACK_IP, **ip_fields)
    packet /= UDP(sport=0xC000 + host.port, dport=ROCE_PORT, chksum=0)
    for layer in verb.headers():
        packet /= layer
    return bytes(packet / Raw(verb.payload + bytes(4)))


_LAYOUT: dict[int, tuple[type[Packet], ...]] = {
    Op.WRITE: (RETH,),
    Op.READ: (RETH,),
    Op.COMPARE_SWAP: (AtomicETH,),
    Op.FETCH_ADD: (AtomicETH,),
    Op.READ_RESPONSE: (AETH,),
    Op.ACKNOWLEDGE: (AETH,),
    Op.ATOMIC_ACKNOWLEDGE: (AETH, AtomicAckETH),
    Op.INVALIDATE: (CohETH,),
    Op.GRANT: (CohETH,),
    Op.EVICT: (CohETH,),
    Op.RESET: (CohETH,),
    Op.INVALIDATE_ACK: (CohETH,),
}


def parse(data: bytes, host: Host, *, icrc: bool = True) -> Verb:
    """What `host` received. Checks what every packet of the switch must have; fails with AssertionError.

    icrc: the packet ends in a zero ICRC, as every well-formed one does.
    """
    packet = Ether(data)
    ip, udp = packet[IP], packet[UDP]
    assert (packet.src, packet.dst) == (RACK_MAC, host.mac)
    assert (ip.src, ip.dst) == (RACK_IP, host.ip)
    check = ip.copy()
    del check.chksum
    assert IP(bytes(check)).chksum == ip.chksum, "IPv4 checksum"
    assert udp.dport == ROCE_PORT
    assert udp.chksum == 0
    assert ip.len == udp.len + 20
    assert len(data) >= 14 + ip.len
    body = data[42 : 34 + udp.len]
    assert not icrc or body[-4:] == bytes(4), "ICRC"
    return _parse_verb(body[:-4])


def _parse_verb(body: bytes) -> Verb:
    bth, rest = BTH(body[:12]), body[12:]
    verb = Verb(bth.opcode, bth.dest_qp, bth.psn)
    for kind in _LAYOUT[bth.opcode]:
        size = len(kind())
        layer, rest = kind(rest[:size]), rest[size:]
        match layer:
            case RETH():
                verb = replace(verb, reth=Reth(layer.va, layer.rkey, layer.length))
            case AETH():
                verb = replace(verb, aeth=Aeth(layer.syndrome, layer.msn))
            case AtomicETH():
                verb = replace(verb, atomic=Atomic(layer.va, layer.rkey, layer.swap_or_add, layer.compare))
            case CohETH():
                fields = {name: getattr(layer, name) for name in vars(Coh(0))}
                verb = replace(verb, coh=Coh(**fields))
            case _:
                rest = bytes(layer) + rest
    return replace(verb, payload=rest)
