"""Requests and answers as frames: RoCEv2 with the rack's rules of docs/wire.md. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from rackplane.wire.errors import PacketError
from rackplane.wire.generated.rack_headers import (
    ETHERTYPE_IPV4,
    IP_PROTO_UDP,
    UDP_PORT_ROCE,
    Aeth,
    AtomicAckEth,
    AtomicEth,
    Bth,
    Ethernet,
    HeaderError,
    Ipv4,
    Opcode,
    Reth,
    Syndrome,
    Udp,
)

SEGMENT_SIZE = 1024
"""The path MTU: a request is not longer, and does not cross a multiple of it."""

UNPADDED_READ = 128
"""A longer READ brings room for its answer."""

PSN_MODULUS = 1 << 24
ICRC = bytes(4)
_FRONT = Ethernet.SIZE + Ipv4.SIZE + Udp.SIZE + Bth.SIZE
_TTL = 64
_PKEY = 0xFFFF


@dataclass(frozen=True)
class Endpoint:
    """A MAC address, as 48 bits, and an IPv4 address."""

    mac: int
    ip: IPv4Address


RACK = Endpoint(0x0200_0000_FFFE, IPv4Address("10.0.255.254"))
"""The rack's memory, answered by the switch."""


@dataclass(frozen=True)
class Request:
    """One segment of a READ, WRITE, COMPARE_SWAP or FETCH_ADD.

    `length` counts bytes at `va`; `data` is what a WRITE brings; `operand` is the value to swap in or to add.
    """

    opcode: Opcode
    va: int
    length: int
    data: bytes = b""
    operand: int = 0
    compare: int = 0

    def __str__(self) -> str:
        return f"{self.opcode.name} of {self.length} bytes at {self.va:#x}"


@dataclass(frozen=True)
class Answer:
    """What came back for a PSN: data of a READ, the original value of an atomic."""

    queue_pair: int
    psn: int
    opcode: int
    syndrome: int
    data: bytes = b""
    original: int = 0


@dataclass(frozen=True)
class Addressing:
    """What all frames of a queue pair have in common. `source_port` is the entropy of RoCEv2; `rkey` the domain."""

    own: Endpoint
    peer: Endpoint
    queue_pair: int
    rkey: int
    source_port: int = UDP_PORT_ROCE


def ipv4_checksum(header: bytes) -> int:
    """RFC 1071, over a header whose checksum field is 0; over one that has its checksum, 0 when that is right."""
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def request_frame(addressing: Addressing, psn: int, request: Request) -> bytes:
    """The frame of a request. Raises HeaderError for numbers out of range."""
    bth = Bth(
        opcode=request.opcode, pkey=_PKEY, dest_qp=addressing.queue_pair, ack_request=1, psn=psn % PSN_MODULUS
    )
    return _frame(addressing, bth.pack() + _extended(addressing.rkey, request) + ICRC)


def _extended(rkey: int, request: Request) -> bytes:
    if request.opcode in (Opcode.COMPARE_SWAP, Opcode.FETCH_ADD):
        return AtomicEth(va=request.va, rkey=rkey, swap_or_add=request.operand, compare=request.compare).pack()
    reth = Reth(va=request.va, rkey=rkey, length=request.length).pack()
    if request.opcode == Opcode.RDMA_READ_REQUEST:
        return reth + bytes(request.length if request.length > UNPADDED_READ else 0)
    return reth + request.data


def _frame(addressing: Addressing, payload: bytes) -> bytes:
    udp = Udp(src_port=addressing.source_port, dst_port=UDP_PORT_ROCE, length=Udp.SIZE + len(payload))
    fields = {
        "version": 4,
        "ihl": 5,
        "total_len": Ipv4.SIZE + udp.length,
        "ttl": _TTL,
        "protocol": IP_PROTO_UDP,
        "src_addr": int(addressing.own.ip),
        "dst_addr": int(addressing.peer.ip),
    }
    checksum = ipv4_checksum(Ipv4(**fields).pack())
    ethernet = Ethernet(addressing.peer.mac, addressing.own.mac, ETHERTYPE_IPV4)
    return ethernet.pack() + Ipv4(**fields, hdr_checksum=checksum).pack() + udp.pack() + payload


def parse_answer(frame: bytes) -> Answer | None:
    """The answer in a frame; None when it is something else. Raises PacketError for a malformed answer."""
    try:
        if not _is_roce(frame):
            return None
        bth = Bth.unpack(frame[_FRONT - Bth.SIZE :])
        if bth.opcode not in (
            Opcode.RDMA_READ_RESPONSE_ONLY,
            Opcode.ACKNOWLEDGE,
            Opcode.ATOMIC_ACKNOWLEDGE,
        ):
            return None
        return _answer(bth, _payload(frame))
    except HeaderError as error:
        raise PacketError(f"a truncated answer: {error}") from error


def _is_roce(frame: bytes) -> bool:
    if len(frame) < _FRONT or Ethernet.unpack(frame).ether_type != ETHERTYPE_IPV4:
        return False
    ip = Ipv4.unpack(frame[Ethernet.SIZE :])
    if ip.version != 4 or ip.ihl * 4 != Ipv4.SIZE or ip.protocol != IP_PROTO_UDP:
        return False
    return Udp.unpack(frame[Ethernet.SIZE + Ipv4.SIZE :]).dst_port == UDP_PORT_ROCE


def _payload(frame: bytes) -> bytes:
    """What is between BTH and ICRC. Raises PacketError where the lengths disagree."""
    header = frame[Ethernet.SIZE : Ethernet.SIZE + Ipv4.SIZE]
    udp = Udp.unpack(frame[Ethernet.SIZE + Ipv4.SIZE :])
    end = Ethernet.SIZE + Ipv4.SIZE + udp.length - len(ICRC)
    if ipv4_checksum(header):
        raise PacketError("an answer with a wrong IPv4 checksum")
    if Ipv4.unpack(header).total_len != Ipv4.SIZE + udp.length or not _FRONT <= end <= len(frame) - len(ICRC):
        raise PacketError(f"an answer of {len(frame)} bytes whose UDP length is {udp.length}")
    return frame[_FRONT:end]


def _answer(bth: Bth, payload: bytes) -> Answer:
    aeth = Aeth.unpack(payload)
    body = payload[Aeth.SIZE :]
    common = (bth.dest_qp, bth.psn, bth.opcode, aeth.syndrome)
    if bth.opcode == Opcode.RDMA_READ_RESPONSE_ONLY:
        return Answer(*common, data=body[: len(body) - bth.pad_count])
    if bth.opcode == Opcode.ATOMIC_ACKNOWLEDGE:
        return Answer(*common, original=AtomicAckEth.unpack(body).original)
    return Answer(*common)


def is_acknowledged(syndrome: int) -> bool:
    """AETH syndromes 0x00 to 0x1f: the request has been carried out."""
    return syndrome < Syndrome.RNR_NAK


def is_not_ready(syndrome: int) -> bool:
    """AETH syndromes 0x20 to 0x3f: to be sent again later."""
    return Syndrome.RNR_NAK <= syndrome < Syndrome.RNR_NAK + 0x20
