"""Wire headers, emitted from headers.p4. Do not edit.

A header is a frozen dataclass of unsigned integers; `pack` and `unpack` are its form on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar, Self

ETHERTYPE_IPV4 = 0x0800
IP_PROTO_UDP = 0x11
UDP_PORT_ROCE = 0x12B7
COH_DOWNGRADE = 1
COH_KEPT = 2
COH_MODIFIED = 4
COH_CONFIRM = 8
COH_STALE = 0x10
COH_NO_PAGE = 0x20
PERM_NONE = 0
PERM_SHARED = 1
PERM_MODIFIED = 2


class Opcode(IntEnum):
    """The members of enum Opcode."""

    RDMA_WRITE_ONLY = 0x0A
    RDMA_READ_REQUEST = 0x0C
    RDMA_READ_RESPONSE_ONLY = 0x10
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


class Syndrome(IntEnum):
    """The members of enum Syndrome."""

    ACK = 0x00
    RNR_NAK = 0x20
    NAK_SEQUENCE = 0x60
    NAK_INVALID_REQUEST = 0x61
    NAK_REMOTE_ACCESS = 0x62
    NAK_REMOTE_OPERATIONAL = 0x63


class HeaderError(ValueError):
    """A field does not fit its width, or there are too few bytes for a header."""


@dataclass(frozen=True)
class Header:
    """The base of all headers. WIDTHS: bits of each field, in order; SIZE: bytes of the header."""

    NAME: ClassVar[str] = "header"
    SIZE: ClassVar[int] = 0
    WIDTHS: ClassVar[tuple[int, ...]] = ()

    def pack(self) -> bytes:
        """The header on the wire. Raises HeaderError for a field out of range."""
        packed = 0
        for field, width in zip(fields(self), self.WIDTHS, strict=True):
            value = getattr(self, field.name)
            if not 0 <= value < 1 << width:
                raise HeaderError(f"{self.NAME}.{field.name} has {width} bits; {value} does not fit")
            packed = packed << width | value
        return packed.to_bytes(self.SIZE, "big")

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> Self:
        """The header at the start of `data`. Raises HeaderError when that is too short."""
        if len(data) < cls.SIZE:
            raise HeaderError(f"{cls.NAME} has {cls.SIZE} bytes, not {len(data)}")
        packed = int.from_bytes(data[: cls.SIZE], "big")
        values = []
        for width in reversed(cls.WIDTHS):
            values.append(packed & (1 << width) - 1)
            packed >>= width
        return cls(*reversed(values))


@dataclass(frozen=True)
class Ethernet(Header):
    """header ethernet_t: 14 bytes."""

    NAME: ClassVar[str] = "ethernet_t"
    SIZE: ClassVar[int] = 14
    WIDTHS: ClassVar[tuple[int, ...]] = (
        48,
        48,
        16,
    )

    dst_addr: int = 0
    src_addr: int = 0
    ether_type: int = 0


@dataclass(frozen=True)
class Ipv4(Header):
    """header ipv4_t: 20 bytes."""

    NAME: ClassVar[str] = "ipv4_t"
    SIZE: ClassVar[int] = 20
    WIDTHS: ClassVar[tuple[int, ...]] = (
        4,
        4,
        8,
        16,
        16,
        3,
        13,
        8,
        8,
        16,
        32,
        32,
    )

    version: int = 0
    ihl: int = 0
    diffserv: int = 0
    total_len: int = 0
    identification: int = 0
    flags: int = 0
    frag_offset: int = 0
    ttl: int = 0
    protocol: int = 0
    hdr_checksum: int = 0
    src_addr: int = 0
    dst_addr: int = 0


@dataclass(frozen=True)
class Udp(Header):
    """header udp_t: 8 bytes."""

    NAME: ClassVar[str] = "udp_t"
    SIZE: ClassVar[int] = 8
    WIDTHS: ClassVar[tuple[int, ...]] = (
        16,
        16,
        16,
        16,
    )

    src_port: int = 0
    dst_port: int = 0
    length: int = 0
    checksum: int = 0


@dataclass(frozen=True)
class Bth(Header):
    """header bth_t: 12 bytes."""

    NAME: ClassVar[str] = "bth_t"
    SIZE: ClassVar[int] = 12
    WIDTHS: ClassVar[tuple[int, ...]] = (
        8,
        1,
        1,
        2,
        4,
        16,
        1,
        1,
        6,
        24,
        1,
        7,
        24,
    )

    opcode: int = 0
    solicited: int = 0
    migration: int = 0
    pad_count: int = 0
    transport_version: int = 0
    pkey: int = 0
    fecn: int = 0
    becn: int = 0
    reserved1: int = 0
    dest_qp: int = 0
    ack_request: int = 0
    reserved2: int = 0
    psn: int = 0


@dataclass(frozen=True)
class Reth(Header):
    """header reth_t: 16 bytes."""

    NAME: ClassVar[str] = "reth_t"
    SIZE: ClassVar[int] = 16
    WIDTHS: ClassVar[tuple[int, ...]] = (
        64,
        32,
        32,
    )

    va: int = 0
    rkey: int = 0
    length: int = 0


@dataclass(frozen=True)
class Aeth(Header):
    """header aeth_t: 4 bytes."""

    NAME: ClassVar[str] = "aeth_t"
    SIZE: ClassVar[int] = 4
    WIDTHS: ClassVar[tuple[int, ...]] = (
        8,
        24,
    )

    syndrome: int = 0
    msn: int = 0


@dataclass(frozen=True)
class AtomicEth(Header):
    """header atomic_eth_t: 28 bytes."""

    NAME: ClassVar[str] = "atomic_eth_t"
    SIZE: ClassVar[int] = 28
    WIDTHS: ClassVar[tuple[int, ...]] = (
        64,
        32,
        64,
        64,
    )

    va: int = 0
    rkey: int = 0
    swap_or_add: int = 0
    compare: int = 0


@dataclass(frozen=True)
class AtomicAckEth(Header):
    """header atomic_ack_eth_t: 8 bytes."""

    NAME: ClassVar[str] = "atomic_ack_eth_t"
    SIZE: ClassVar[int] = 8
    WIDTHS: ClassVar[tuple[int, ...]] = (64,)

    original: int = 0


@dataclass(frozen=True)
class CoherentMsn(Header):
    """header coherent_msn_t: 3 bytes."""

    NAME: ClassVar[str] = "coherent_msn_t"
    SIZE: ClassVar[int] = 3
    WIDTHS: ClassVar[tuple[int, ...]] = (
        5,
        1,
        2,
        16,
    )

    region_log2: int = 0
    pending: int = 0
    permission: int = 0
    version: int = 0


@dataclass(frozen=True)
class Coheth(Header):
    """header coheth_t: 28 bytes."""

    NAME: ClassVar[str] = "coheth_t"
    SIZE: ClassVar[int] = 28
    WIDTHS: ClassVar[tuple[int, ...]] = (
        64,
        64,
        8,
        8,
        16,
        8,
        24,
        8,
        24,
    )

    va: int = 0
    page: int = 0
    flags: int = 0
    region_log2: int = 0
    version: int = 0
    requester: int = 0
    peer_qp: int = 0
    false_pages: int = 0
    peer_psn: int = 0
