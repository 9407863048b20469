/* Wire headers, emitted from headers.p4. Do not edit.
 *
 * struct NAME_t holds a header as it is on the wire. NAME_get_FIELD and NAME_set_FIELD give and take host order
 * integers. A BPF program (BCC or clang's BPF target) loads whole words: packet access may be unaligned there. */
#ifndef RACK_HEADERS_H
#define RACK_HEADERS_H

#include <linux/types.h>

#if defined(__bpf__) || defined(__BPF_TRACING__)
#define RACK_HEADERS_WORD __attribute__((may_alias))
#else
#define RACK_HEADERS_WORD __attribute__((may_alias, aligned(1)))
#endif

typedef __u16 RACK_HEADERS_WORD rack_headers_u16;
typedef __u32 RACK_HEADERS_WORD rack_headers_u32;
typedef __u64 RACK_HEADERS_WORD rack_headers_u64;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RACK_HEADERS_SWAP16(x) __builtin_bswap16(x)
#define RACK_HEADERS_SWAP32(x) __builtin_bswap32(x)
#define RACK_HEADERS_SWAP64(x) __builtin_bswap64(x)
#else
#define RACK_HEADERS_SWAP16(x) (x)
#define RACK_HEADERS_SWAP32(x) (x)
#define RACK_HEADERS_SWAP64(x) (x)
#endif

static inline __attribute__((always_inline, unused)) __u8 rack_headers_load8(const __u8 *at)
{
    return *at;
}

static inline __attribute__((always_inline, unused)) void rack_headers_store8(__u8 *at, __u8 value)
{
    *at = value;
}

static inline __attribute__((always_inline, unused)) __u16 rack_headers_load16(const __u8 *at)
{
    return RACK_HEADERS_SWAP16(*(const rack_headers_u16 *)at);
}

static inline __attribute__((always_inline, unused)) void rack_headers_store16(__u8 *at, __u16 value)
{
    *(rack_headers_u16 *)at = RACK_HEADERS_SWAP16(value);
}

static inline __attribute__((always_inline, unused)) __u32 rack_headers_load32(const __u8 *at)
{
    return RACK_HEADERS_SWAP32(*(const rack_headers_u32 *)at);
}

static inline __attribute__((always_inline, unused)) void rack_headers_store32(__u8 *at, __u32 value)
{
    *(rack_headers_u32 *)at = RACK_HEADERS_SWAP32(value);
}

static inline __attribute__((always_inline, unused)) __u64 rack_headers_load64(const __u8 *at)
{
    return RACK_HEADERS_SWAP64(*(const rack_headers_u64 *)at);
}

static inline __attribute__((always_inline, unused)) void rack_headers_store64(__u8 *at, __u64 value)
{
    *(rack_headers_u64 *)at = RACK_HEADERS_SWAP64(value);
}

#define ETHERTYPE_IPV4 0x0800
#define IP_PROTO_UDP 0x11
#define UDP_PORT_ROCE 0x12B7
#define COH_DOWNGRADE 1
#define COH_KEPT 2
#define COH_MODIFIED 4
#define COH_CONFIRM 8
#define COH_STALE 0x10
#define COH_NO_PAGE 0x20
#define PERM_NONE 0
#define PERM_SHARED 1
#define PERM_MODIFIED 2

enum opcode {
    OPCODE_RDMA_WRITE_ONLY = 0x0A,
    OPCODE_RDMA_READ_REQUEST = 0x0C,
    OPCODE_RDMA_READ_RESPONSE_ONLY = 0x10,
    OPCODE_ACKNOWLEDGE = 0x11,
    OPCODE_ATOMIC_ACKNOWLEDGE = 0x12,
    OPCODE_COMPARE_SWAP = 0x13,
    OPCODE_FETCH_ADD = 0x14,
    OPCODE_GET_SHARED = 0xC0,
    OPCODE_GET_MODIFIED = 0xC1,
    OPCODE_INVALIDATE = 0xC2,
    OPCODE_INVALIDATE_ACK = 0xC3,
    OPCODE_PUSH = 0xC4,
    OPCODE_PUSH_EMPTY = 0xC5,
    OPCODE_GRANT = 0xC6,
    OPCODE_EVICT = 0xC7,
    OPCODE_RESET = 0xC8
};

enum syndrome {
    SYNDROME_ACK = 0x00,
    SYNDROME_RNR_NAK = 0x20,
    SYNDROME_NAK_SEQUENCE = 0x60,
    SYNDROME_NAK_INVALID_REQUEST = 0x61,
    SYNDROME_NAK_REMOTE_ACCESS = 0x62,
    SYNDROME_NAK_REMOTE_OPERATIONAL = 0x63
};

#define ETHERNET_SIZE 14

struct ethernet_t {
    __u8 bytes[14];
};

static inline __attribute__((always_inline, unused)) __u64 ethernet_get_dst_addr(const struct ethernet_t *header)
{
    return (rack_headers_load64(header->bytes + 0) >> 16);
}

static inline __attribute__((always_inline, unused)) void ethernet_set_dst_addr(struct ethernet_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 0, (__u64)((rack_headers_load64(header->bytes + 0) & 0xffffULL) | ((__u64)(value & 0xffffffffffffULL) << 16)));
}

static inline __attribute__((always_inline, unused)) __u64 ethernet_get_src_addr(const struct ethernet_t *header)
{
    return (rack_headers_load64(header->bytes + 6) >> 16);
}

static inline __attribute__((always_inline, unused)) void ethernet_set_src_addr(struct ethernet_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 6, (__u64)((rack_headers_load64(header->bytes + 6) & 0xffffULL) | ((__u64)(value & 0xffffffffffffULL) << 16)));
}

static inline __attribute__((always_inline, unused)) __u16 ethernet_get_ether_type(const struct ethernet_t *header)
{
    return rack_headers_load16(header->bytes + 12);
}

static inline __attribute__((always_inline, unused)) void ethernet_set_ether_type(struct ethernet_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 12, value);
}

#define IPV4_SIZE 20

struct ipv4_t {
    __u8 bytes[20];
};

static inline __attribute__((always_inline, unused)) __u8 ipv4_get_version(const struct ipv4_t *header)
{
    return (rack_headers_load8(header->bytes + 0) >> 4);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_version(struct ipv4_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 0, (__u8)((rack_headers_load8(header->bytes + 0) & 0xfU) | ((__u8)(value & 0xfU) << 4)));
}

static inline __attribute__((always_inline, unused)) __u8 ipv4_get_ihl(const struct ipv4_t *header)
{
    return rack_headers_load8(header->bytes + 0) & 0xfU;
}

static inline __attribute__((always_inline, unused)) void ipv4_set_ihl(struct ipv4_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 0, (__u8)((rack_headers_load8(header->bytes + 0) & 0xf0U) | (value & 0xfU)));
}

static inline __attribute__((always_inline, unused)) __u8 ipv4_get_diffserv(const struct ipv4_t *header)
{
    return rack_headers_load8(header->bytes + 1);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_diffserv(struct ipv4_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 1, value);
}

static inline __attribute__((always_inline, unused)) __u16 ipv4_get_total_len(const struct ipv4_t *header)
{
    return rack_headers_load16(header->bytes + 2);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_total_len(struct ipv4_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 2, value);
}

static inline __attribute__((always_inline, unused)) __u16 ipv4_get_identification(const struct ipv4_t *header)
{
    return rack_headers_load16(header->bytes + 4);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_identification(struct ipv4_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 4, value);
}

static inline __attribute__((always_inline, unused)) __u8 ipv4_get_flags(const struct ipv4_t *header)
{
    return (rack_headers_load8(header->bytes + 6) >> 5);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_flags(struct ipv4_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 6, (__u8)((rack_headers_load8(header->bytes + 6) & 0x1fU) | ((__u8)(value & 0x7U) << 5)));
}

static inline __attribute__((always_inline, unused)) __u16 ipv4_get_frag_offset(const struct ipv4_t *header)
{
    return rack_headers_load16(header->bytes + 6) & 0x1fffU;
}

static inline __attribute__((always_inline, unused)) void ipv4_set_frag_offset(struct ipv4_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 6, (__u16)((rack_headers_load16(header->bytes + 6) & 0xe000U) | (value & 0x1fffU)));
}

static inline __attribute__((always_inline, unused)) __u8 ipv4_get_ttl(const struct ipv4_t *header)
{
    return rack_headers_load8(header->bytes + 8);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_ttl(struct ipv4_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 8, value);
}

static inline __attribute__((always_inline, unused)) __u8 ipv4_get_protocol(const struct ipv4_t *header)
{
    return rack_headers_load8(header->bytes + 9);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_protocol(struct ipv4_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 9, value);
}

static inline __attribute__((always_inline, unused)) __u16 ipv4_get_hdr_checksum(const struct ipv4_t *header)
{
    return rack_headers_load16(header->bytes + 10);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_hdr_checksum(struct ipv4_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 10, value);
}

static inline __attribute__((always_inline, unused)) __u32 ipv4_get_src_addr(const struct ipv4_t *header)
{
    return rack_headers_load32(header->bytes + 12);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_src_addr(struct ipv4_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 12, value);
}

static inline __attribute__((always_inline, unused)) __u32 ipv4_get_dst_addr(const struct ipv4_t *header)
{
    return rack_headers_load32(header->bytes + 16);
}

static inline __attribute__((always_inline, unused)) void ipv4_set_dst_addr(struct ipv4_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 16, value);
}

#define UDP_SIZE 8

struct udp_t {
    __u8 bytes[8];
};

static inline __attribute__((always_inline, unused)) __u16 udp_get_src_port(const struct udp_t *header)
{
    return rack_headers_load16(header->bytes + 0);
}

static inline __attribute__((always_inline, unused)) void udp_set_src_port(struct udp_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 0, value);
}

static inline __attribute__((always_inline, unused)) __u16 udp_get_dst_port(const struct udp_t *header)
{
    return rack_headers_load16(header->bytes + 2);
}

static inline __attribute__((always_inline, unused)) void udp_set_dst_port(struct udp_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 2, value);
}

static inline __attribute__((always_inline, unused)) __u16 udp_get_length(const struct udp_t *header)
{
    return rack_headers_load16(header->bytes + 4);
}

static inline __attribute__((always_inline, unused)) void udp_set_length(struct udp_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 4, value);
}

static inline __attribute__((always_inline, unused)) __u16 udp_get_checksum(const struct udp_t *header)
{
    return rack_headers_load16(header->bytes + 6);
}

static inline __attribute__((always_inline, unused)) void udp_set_checksum(struct udp_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 6, value);
}

#define BTH_SIZE 12

struct bth_t {
    __u8 bytes[12];
};

static inline __attribute__((always_inline, unused)) __u8 bth_get_opcode(const struct bth_t *header)
{
    return rack_headers_load8(header->bytes + 0);
}

static inline __attribute__((always_inline, unused)) void bth_set_opcode(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 0, value);
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_solicited(const struct bth_t *header)
{
    return (rack_headers_load8(header->bytes + 1) >> 7);
}

static inline __attribute__((always_inline, unused)) void bth_set_solicited(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 1, (__u8)((rack_headers_load8(header->bytes + 1) & 0x7fU) | ((__u8)(value & 0x1U) << 7)));
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_migration(const struct bth_t *header)
{
    return (rack_headers_load8(header->bytes + 1) >> 6) & 0x1U;
}

static inline __attribute__((always_inline, unused)) void bth_set_migration(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 1, (__u8)((rack_headers_load8(header->bytes + 1) & 0xbfU) | ((__u8)(value & 0x1U) << 6)));
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_pad_count(const struct bth_t *header)
{
    return (rack_headers_load8(header->bytes + 1) >> 4) & 0x3U;
}

static inline __attribute__((always_inline, unused)) void bth_set_pad_count(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 1, (__u8)((rack_headers_load8(header->bytes + 1) & 0xcfU) | ((__u8)(value & 0x3U) << 4)));
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_transport_version(const struct bth_t *header)
{
    return rack_headers_load8(header->bytes + 1) & 0xfU;
}

static inline __attribute__((always_inline, unused)) void bth_set_transport_version(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 1, (__u8)((rack_headers_load8(header->bytes + 1) & 0xf0U) | (value & 0xfU)));
}

static inline __attribute__((always_inline, unused)) __u16 bth_get_pkey(const struct bth_t *header)
{
    return rack_headers_load16(header->bytes + 2);
}

static inline __attribute__((always_inline, unused)) void bth_set_pkey(struct bth_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 2, value);
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_fecn(const struct bth_t *header)
{
    return (rack_headers_load8(header->bytes + 4) >> 7);
}

static inline __attribute__((always_inline, unused)) void bth_set_fecn(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 4, (__u8)((rack_headers_load8(header->bytes + 4) & 0x7fU) | ((__u8)(value & 0x1U) << 7)));
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_becn(const struct bth_t *header)
{
    return (rack_headers_load8(header->bytes + 4) >> 6) & 0x1U;
}

static inline __attribute__((always_inline, unused)) void bth_set_becn(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 4, (__u8)((rack_headers_load8(header->bytes + 4) & 0xbfU) | ((__u8)(value & 0x1U) << 6)));
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_reserved1(const struct bth_t *header)
{
    return rack_headers_load8(header->bytes + 4) & 0x3fU;
}

static inline __attribute__((always_inline, unused)) void bth_set_reserved1(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 4, (__u8)((rack_headers_load8(header->bytes + 4) & 0xc0U) | (value & 0x3fU)));
}

static inline __attribute__((always_inline, unused)) __u32 bth_get_dest_qp(const struct bth_t *header)
{
    return rack_headers_load32(header->bytes + 4) & 0xffffffU;
}

static inline __attribute__((always_inline, unused)) void bth_set_dest_qp(struct bth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 4, (__u32)((rack_headers_load32(header->bytes + 4) & 0xff000000U) | (value & 0xffffffU)));
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_ack_request(const struct bth_t *header)
{
    return (rack_headers_load8(header->bytes + 8) >> 7);
}

static inline __attribute__((always_inline, unused)) void bth_set_ack_request(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 8, (__u8)((rack_headers_load8(header->bytes + 8) & 0x7fU) | ((__u8)(value & 0x1U) << 7)));
}

static inline __attribute__((always_inline, unused)) __u8 bth_get_reserved2(const struct bth_t *header)
{
    return rack_headers_load8(header->bytes + 8) & 0x7fU;
}

static inline __attribute__((always_inline, unused)) void bth_set_reserved2(struct bth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 8, (__u8)((rack_headers_load8(header->bytes + 8) & 0x80U) | (value & 0x7fU)));
}

static inline __attribute__((always_inline, unused)) __u32 bth_get_psn(const struct bth_t *header)
{
    return rack_headers_load32(header->bytes + 8) & 0xffffffU;
}

static inline __attribute__((always_inline, unused)) void bth_set_psn(struct bth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 8, (__u32)((rack_headers_load32(header->bytes + 8) & 0xff000000U) | (value & 0xffffffU)));
}

#define RETH_SIZE 16

struct reth_t {
    __u8 bytes[16];
};

static inline __attribute__((always_inline, unused)) __u64 reth_get_va(const struct reth_t *header)
{
    return rack_headers_load64(header->bytes + 0);
}

static inline __attribute__((always_inline, unused)) void reth_set_va(struct reth_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 0, value);
}

static inline __attribute__((always_inline, unused)) __u32 reth_get_rkey(const struct reth_t *header)
{
    return rack_headers_load32(header->bytes + 8);
}

static inline __attribute__((always_inline, unused)) void reth_set_rkey(struct reth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 8, value);
}

static inline __attribute__((always_inline, unused)) __u32 reth_get_length(const struct reth_t *header)
{
    return rack_headers_load32(header->bytes + 12);
}

static inline __attribute__((always_inline, unused)) void reth_set_length(struct reth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 12, value);
}

#define AETH_SIZE 4

struct aeth_t {
    __u8 bytes[4];
};

static inline __attribute__((always_inline, unused)) __u8 aeth_get_syndrome(const struct aeth_t *header)
{
    return rack_headers_load8(header->bytes + 0);
}

static inline __attribute__((always_inline, unused)) void aeth_set_syndrome(struct aeth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 0, value);
}

static inline __attribute__((always_inline, unused)) __u32 aeth_get_msn(const struct aeth_t *header)
{
    return rack_headers_load32(header->bytes + 0) & 0xffffffU;
}

static inline __attribute__((always_inline, unused)) void aeth_set_msn(struct aeth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 0, (__u32)((rack_headers_load32(header->bytes + 0) & 0xff000000U) | (value & 0xffffffU)));
}

#define ATOMIC_ETH_SIZE 28

struct atomic_eth_t {
    __u8 bytes[28];
};

static inline __attribute__((always_inline, unused)) __u64 atomic_eth_get_va(const struct atomic_eth_t *header)
{
    return rack_headers_load64(header->bytes + 0);
}

static inline __attribute__((always_inline, unused)) void atomic_eth_set_va(struct atomic_eth_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 0, value);
}

static inline __attribute__((always_inline, unused)) __u32 atomic_eth_get_rkey(const struct atomic_eth_t *header)
{
    return rack_headers_load32(header->bytes + 8);
}

static inline __attribute__((always_inline, unused)) void atomic_eth_set_rkey(struct atomic_eth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 8, value);
}

static inline __attribute__((always_inline, unused)) __u64 atomic_eth_get_swap_or_add(const struct atomic_eth_t *header)
{
    return rack_headers_load64(header->bytes + 12);
}

static inline __attribute__((always_inline, unused)) void atomic_eth_set_swap_or_add(struct atomic_eth_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 12, value);
}

static inline __attribute__((always_inline, unused)) __u64 atomic_eth_get_compare(const struct atomic_eth_t *header)
{
    return rack_headers_load64(header->bytes + 20);
}

static inline __attribute__((always_inline, unused)) void atomic_eth_set_compare(struct atomic_eth_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 20, value);
}

#define ATOMIC_ACK_ETH_SIZE 8

struct atomic_ack_eth_t {
    __u8 bytes[8];
};

static inline __attribute__((always_inline, unused)) __u64 atomic_ack_eth_get_original(const struct atomic_ack_eth_t *header)
{
    return rack_headers_load64(header->bytes + 0);
}

static inline __attribute__((always_inline, unused)) void atomic_ack_eth_set_original(struct atomic_ack_eth_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 0, value);
}

#define COHERENT_MSN_SIZE 3

struct coherent_msn_t {
    __u8 bytes[3];
};

static inline __attribute__((always_inline, unused)) __u8 coherent_msn_get_region_log2(const struct coherent_msn_t *header)
{
    return (rack_headers_load8(header->bytes + 0) >> 3);
}

static inline __attribute__((always_inline, unused)) void coherent_msn_set_region_log2(struct coherent_msn_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 0, (__u8)((rack_headers_load8(header->bytes + 0) & 0x7U) | ((__u8)(value & 0x1fU) << 3)));
}

static inline __attribute__((always_inline, unused)) __u8 coherent_msn_get_pending(const struct coherent_msn_t *header)
{
    return (rack_headers_load8(header->bytes + 0) >> 2) & 0x1U;
}

static inline __attribute__((always_inline, unused)) void coherent_msn_set_pending(struct coherent_msn_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 0, (__u8)((rack_headers_load8(header->bytes + 0) & 0xfbU) | ((__u8)(value & 0x1U) << 2)));
}

static inline __attribute__((always_inline, unused)) __u8 coherent_msn_get_permission(const struct coherent_msn_t *header)
{
    return rack_headers_load8(header->bytes + 0) & 0x3U;
}

static inline __attribute__((always_inline, unused)) void coherent_msn_set_permission(struct coherent_msn_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 0, (__u8)((rack_headers_load8(header->bytes + 0) & 0xfcU) | (value & 0x3U)));
}

static inline __attribute__((always_inline, unused)) __u16 coherent_msn_get_version(const struct coherent_msn_t *header)
{
    return rack_headers_load16(header->bytes + 1);
}

static inline __attribute__((always_inline, unused)) void coherent_msn_set_version(struct coherent_msn_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 1, value);
}

#define COHETH_SIZE 28

struct coheth_t {
    __u8 bytes[28];
};

static inline __attribute__((always_inline, unused)) __u64 coheth_get_va(const struct coheth_t *header)
{
    return rack_headers_load64(header->bytes + 0);
}

static inline __attribute__((always_inline, unused)) void coheth_set_va(struct coheth_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 0, value);
}

static inline __attribute__((always_inline, unused)) __u64 coheth_get_page(const struct coheth_t *header)
{
    return rack_headers_load64(header->bytes + 8);
}

static inline __attribute__((always_inline, unused)) void coheth_set_page(struct coheth_t *header, __u64 value)
{
    rack_headers_store64(header->bytes + 8, value);
}

static inline __attribute__((always_inline, unused)) __u8 coheth_get_flags(const struct coheth_t *header)
{
    return rack_headers_load8(header->bytes + 16);
}

static inline __attribute__((always_inline, unused)) void coheth_set_flags(struct coheth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 16, value);
}

static inline __attribute__((always_inline, unused)) __u8 coheth_get_region_log2(const struct coheth_t *header)
{
    return rack_headers_load8(header->bytes + 17);
}

static inline __attribute__((always_inline, unused)) void coheth_set_region_log2(struct coheth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 17, value);
}

static inline __attribute__((always_inline, unused)) __u16 coheth_get_version(const struct coheth_t *header)
{
    return rack_headers_load16(header->bytes + 18);
}

static inline __attribute__((always_inline, unused)) void coheth_set_version(struct coheth_t *header, __u16 value)
{
    rack_headers_store16(header->bytes + 18, value);
}

static inline __attribute__((always_inline, unused)) __u8 coheth_get_requester(const struct coheth_t *header)
{
    return rack_headers_load8(header->bytes + 20);
}

static inline __attribute__((always_inline, unused)) void coheth_set_requester(struct coheth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 20, value);
}

static inline __attribute__((always_inline, unused)) __u32 coheth_get_peer_qp(const struct coheth_t *header)
{
    return rack_headers_load32(header->bytes + 20) & 0xffffffU;
}

static inline __attribute__((always_inline, unused)) void coheth_set_peer_qp(struct coheth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 20, (__u32)((rack_headers_load32(header->bytes + 20) & 0xff000000U) | (value & 0xffffffU)));
}

static inline __attribute__((always_inline, unused)) __u8 coheth_get_false_pages(const struct coheth_t *header)
{
    return rack_headers_load8(header->bytes + 24);
}

static inline __attribute__((always_inline, unused)) void coheth_set_false_pages(struct coheth_t *header, __u8 value)
{
    rack_headers_store8(header->bytes + 24, value);
}

static inline __attribute__((always_inline, unused)) __u32 coheth_get_peer_psn(const struct coheth_t *header)
{
    return rack_headers_load32(header->bytes + 24) & 0xffffffU;
}

static inline __attribute__((always_inline, unused)) void coheth_set_peer_psn(struct coheth_t *header, __u32 value)
{
    rack_headers_store32(header->bytes + 24, (__u32)((rack_headers_load32(header->bytes + 24) & 0xff000000U) | (value & 0xffffffU)));
}

#endif
