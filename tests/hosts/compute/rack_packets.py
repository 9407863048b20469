"""Packets of the rack as values, and their bytes, for test doubles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from p4_headers import constants, layout

Opcode = IntEnum("Opcode", constants("Opcode"))  # type: ignore[misc]
Syndrome = IntEnum("Syndrome", constants("Syndrome"))  # type: ignore[misc]
_CONSTANTS = constants()
DOWNGRADE = _CONSTANTS["COH_DOWNGRADE"]
KEPT = _CONSTANTS["COH_KEPT"]
MODIFIED = _CONSTANTS["COH_MODIFIED"]
CONFIRM = _CONSTANTS["COH_CONFIRM"]
STALE = _CONSTANTS["COH_STALE"]
NO_PAGE = _CONSTANTS["COH_NO_PAGE"]
PERM_SHARED = _CONSTANTS["PERM_SHARED"]
PERM_MODIFIED = _CONSTANTS["PERM_MODIFIED"]

PAGE = 4096
SEGMENT = 1024

WITH_RETH = {
    Opcode.RDMA_WRITE_ONLY,
    Opcode.RDMA_READ_REQUEST,
    Opcode.GET_SHARED,
    Opcode.GET_MODIFIED,
    Opcode.PUSH,
    Opcode.PUSH_EMPTY,
}
WITH_AETH = {Opcode.RDMA_READ_RESPONSE_ONLY, Opcode.ACKNOWLEDGE, Opcode.ATOMIC_ACKNOWLEDGE}
WITH_ATOMIC = {Opcode.COMPARE_SWAP, Opcode.FETCH_ADD}
WITH_COHERENCE = {
    Opcode.INVALIDATE,
    Opcode.INVALIDATE_ACK,
    Opcode.PUSH,
    Opcode.PUSH_EMPTY,
    Opcode.GRANT,
    Opcode.EVICT,
    Opcode.RESET,
}


@dataclass(frozen=True)
class Coherence:
    """CohETH."""

    va: int = 0
    page: int = 0
    flags: int = 0
    region_log2: int = 0
    version: int = 0
    requester: int = 0
    peer_qp: int = 0
    peer_psn: int = 0
    false_pages: int = 0


@dataclass(frozen=True)
class Packet:
    """The fields that the opcode's headers hold; the others are 0."""

    opcode: int
    qp: int = 0
    psn: int = 0
    va: int = 0
    rkey: int = 0
    length: int = 0
    syndrome: int = 0
    msn: int = 0
    swap_or_add: int = 0
    compare: int = 0
    original: int = 0
    coherence: Coherence = field(default_factory=Coherence)
    payload: bytes = b""

    def but(self, **changes: object) -> Packet:
        return replace(self, **changes)  # type: ignore[arg-type]


def msn_of(region_log2: int, permission: int, *, pending: bool, version: int) -> int:
    packed = layout("coherent_msn_t").pack(
        region_log2=region_log2, permission=permission, pending=int(pending), version=version
    )
    return int.from_bytes(packed, "big")


@dataclass(frozen=True)
class Ends:
    """Who a frame is from and to."""

    src_mac: int
    dst_mac: int
    src_ip: int
    dst_ip: int


RACK_MAC = 0x02000000FFFE
RACK_IP = 0x0A00FFFE


def checksum(data: bytes) -> int:
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def encode(packet: Packet, ends: Ends) -> bytes:
    body = layout("bth_t").pack(opcode=packet.opcode, pkey=0xFFFF, dest_qp=packet.qp, psn=packet.psn)
    if packet.opcode in WITH_RETH:
        body += layout("reth_t").pack(va=packet.va, rkey=packet.rkey, length=packet.length)
    if packet.opcode in WITH_ATOMIC:
        body += layout("atomic_eth_t").pack(
            va=packet.va, rkey=packet.rkey, swap_or_add=packet.swap_or_add, compare=packet.compare
        )
    if packet.opcode in WITH_AETH:
        body += layout("aeth_t").pack(syndrome=packet.syndrome, msn=packet.msn)
    if packet.opcode == Opcode.ATOMIC_ACKNOWLEDGE:
        body += layout("atomic_ack_eth_t").pack(original=packet.original)
    if packet.opcode in WITH_COHERENCE:
        body += layout("coheth_t").pack(**vars(packet.coherence))
    body += packet.payload + bytes(4)
    udp = layout("udp_t").pack(src_port=0xC000, dst_port=4791, length=8 + len(body))
    fields = {"version": 4, "ihl": 5, "total_len": 28 + len(body), "ttl": 64, "protocol": 17}
    fields |= {"src_addr": ends.src_ip, "dst_addr": ends.dst_ip}
    ipv4 = layout("ipv4_t")
    fields["hdr_checksum"] = checksum(ipv4.pack(**fields))
    ethernet = layout("ethernet_t").pack(dst_addr=ends.dst_mac, src_addr=ends.src_mac, ether_type=0x0800)
    return ethernet + ipv4.pack(**fields) + udp + body


def decode(frame: bytes) -> Packet | None:
    """None for what is no whole RoCE packet to UDP port 4791."""
    ethernet, ipv4, udp, bth = (layout(name) for name in ("ethernet_t", "ipv4_t", "udp_t", "bth_t"))
    at = ethernet.size + ipv4.size + udp.size + bth.size
    if len(frame) < at or ethernet.unpack(frame)["ether_type"] != 0x0800:
        return None
    ip = ipv4.unpack(frame[ethernet.size :])
    datagram = udp.unpack(frame[ethernet.size + ipv4.size :])
    if ip["protocol"] != 17 or datagram["dst_port"] != 4791 or ip["dst_addr"] != RACK_IP:
        return None
    assert checksum(frame[ethernet.size : ethernet.size + ipv4.size]) == 0, "IPv4 checksum"
    assert ip["total_len"] == datagram["length"] + 20 <= len(frame) - 14, "lengths"
    end = ethernet.size + ip["total_len"] - 4
    assert frame[end : end + 4] == bytes(4), "ICRC"
    return _extensions(bth.unpack(frame[ethernet.size + ipv4.size + udp.size :]), frame[at:end])


def _extensions(bth: dict[str, int], rest: bytes) -> Packet:
    values: dict[str, object] = {"opcode": bth["opcode"], "qp": bth["dest_qp"], "psn": bth["psn"]}
    kinds = [
        ("reth_t", WITH_RETH),
        ("atomic_eth_t", WITH_ATOMIC),
        ("aeth_t", WITH_AETH),
        ("atomic_ack_eth_t", {Opcode.ATOMIC_ACKNOWLEDGE}),
    ]
    for name, opcodes in kinds:
        if bth["opcode"] in opcodes:
            values |= layout(name).unpack(rest)
            rest = rest[layout(name).size :]
    if bth["opcode"] in WITH_COHERENCE:
        values["coherence"] = Coherence(**layout("coheth_t").unpack(rest))
        rest = rest[layout("coheth_t").size :]
    return Packet(**values, payload=rest)  # type: ignore[arg-type]
