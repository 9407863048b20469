/* Every header that crosses a link of the rack, and nothing else. The C structs of ebpf/ and hosts/ and the
 * Python codecs of wire/ are emitted from this file. RoCEv2 names and layouts follow the InfiniBand
 * Architecture Specification, volume 1, chapter 9 and annex A17. */
#ifndef RACKPLANE_HEADERS_P4
#define RACKPLANE_HEADERS_P4

typedef bit<48> mac_addr_t;
typedef bit<32> ipv4_addr_t;
typedef bit<24> qpn_t;
typedef bit<24> psn_t;
typedef bit<64> va_t;
typedef bit<8>  blade_t;
typedef bit<16> version_t;

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<8>  IP_PROTO_UDP   = 17;
const bit<16> UDP_PORT_ROCE  = 4791;

/* BTH opcodes: reliable connection, then the rack's own verbs in the manufacturer range. */
enum bit<8> Opcode {
    RDMA_WRITE_ONLY         = 0x0A,
    RDMA_READ_REQUEST       = 0x0C,
    RDMA_READ_RESPONSE_ONLY = 0x10,
    ACKNOWLEDGE             = 0x11,
    ATOMIC_ACKNOWLEDGE      = 0x12,
    COMPARE_SWAP            = 0x13,
    FETCH_ADD               = 0x14,
    GET_SHARED              = 0xC0,
    GET_MODIFIED            = 0xC1,
    INVALIDATE              = 0xC2,
    INVALIDATE_ACK          = 0xC3,
    PUSH                    = 0xC4,
    PUSH_EMPTY              = 0xC5,
    GRANT                   = 0xC6,
    EVICT                   = 0xC7,
    RESET                   = 0xC8
}

/* AETH syndromes: 0x00-0x1F acknowledge, 0x20-0x3F receiver not ready (retry later), 0x60-0x7F refused. */
enum bit<8> Syndrome {
    ACK                     = 0x00,
    RNR_NAK                 = 0x20,
    NAK_SEQUENCE            = 0x60,
    NAK_INVALID_REQUEST     = 0x61,
    NAK_REMOTE_ACCESS       = 0x62,
    NAK_REMOTE_OPERATIONAL  = 0x63
}

/* Bits of coheth.flags. */
const bit<8> COH_DOWNGRADE = 0x01; /* INVALIDATE: the target may keep shared copies */
const bit<8> COH_KEPT      = 0x02; /* INVALIDATE_ACK: the sender kept shared copies */
const bit<8> COH_MODIFIED  = 0x04; /* GRANT: modified, else shared */
const bit<8> COH_CONFIRM   = 0x08; /* EVICT: the switch's answer */
const bit<8> COH_STALE     = 0x10; /* EVICT: the answer to a version that is not the directory's */
const bit<8> COH_NO_PAGE   = 0x20; /* INVALIDATE: no page was asked for, nothing is to be pushed */

/* Layout of AETH.msn in an answer from coherent memory (0 in every other answer). */
const bit<2> PERM_NONE     = 0;
const bit<2> PERM_SHARED   = 1;
const bit<2> PERM_MODIFIED = 2;

header ethernet_t {
    mac_addr_t dst_addr;
    mac_addr_t src_addr;
    bit<16>    ether_type;
}

header ipv4_t {
    bit<4>      version;
    bit<4>      ihl;
    bit<8>      diffserv;
    bit<16>     total_len;
    bit<16>     identification;
    bit<3>      flags;
    bit<13>     frag_offset;
    bit<8>      ttl;
    bit<8>      protocol;
    bit<16>     hdr_checksum;
    ipv4_addr_t src_addr;
    ipv4_addr_t dst_addr;
}

header udp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> length;
    bit<16> checksum;
}

/* Base transport header. */
header bth_t {
    Opcode  opcode;
    bit<1>  solicited;
    bit<1>  migration;
    bit<2>  pad_count;
    bit<4>  transport_version;
    bit<16> pkey;
    bit<1>  fecn;
    bit<1>  becn;
    bit<6>  reserved1;
    qpn_t   dest_qp;
    bit<1>  ack_request;
    bit<7>  reserved2;
    psn_t   psn;
}

/* RDMA extended transport header. rkey is the protection domain at the requester's side of the switch. */
header reth_t {
    va_t    va;
    bit<32> rkey;
    bit<32> length;
}

/* Acknowledge extended transport header. */
header aeth_t {
    Syndrome syndrome;
    bit<24>  msn;
}

/* Atomic extended transport header. */
header atomic_eth_t {
    va_t    va;
    bit<32> rkey;
    bit<64> swap_or_add;
    bit<64> compare;
}

/* Atomic acknowledge extended transport header. */
header atomic_ack_eth_t {
    bit<64> original;
}

/* AETH.msn of an answer from coherent memory, as a header of its own so that every room reads it alike. */
header coherent_msn_t {
    bit<5>    region_log2;
    bit<1>    pending;
    bit<2>    permission;
    version_t version;
}

/* Coherence extended transport header: the rack's own verbs INVALIDATE to RESET. */
header coheth_t {
    va_t      va;          /* the region's first byte; in PUSH verbs the region too (reth.va is the segment) */
    va_t      page;        /* the page that was asked for, when COH_NO_PAGE is clear */
    bit<8>    flags;
    bit<8>    region_log2;
    version_t version;
    blade_t   requester;   /* the blade that the transaction is for */
    qpn_t     peer_qp;     /* its queue pair ... */
    bit<8>    false_pages; /* INVALIDATE_ACK: pages given up that nobody asked for; 255 is that many or more */
    psn_t     peer_psn;    /* ... and the PSN of the segment at the page's first byte */
}

#endif
