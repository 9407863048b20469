/* RoCEv2 as a memory blade receives it: from a frame to a checked request. */
#ifndef RACKPLANE_ROCE_H
#define RACKPLANE_ROCE_H

#include "counters.h"
#include "cursor.h"

#define ICRC_SIZE 4
#define SEGMENT_SIZE 1024 /* the path MTU: no request is longer or crosses a multiple of it */
#define ANSWER_OFFSET (ETHERNET_SIZE + IPV4_SIZE + UDP_SIZE + BTH_SIZE + AETH_SIZE)

enum parsed {
    PARSED_REQUEST,
    PARSED_OTHER, /* not RoCE, or not to this blade: the host's */
    PARSED_BAD,   /* counted; to be dropped */
};

struct request {
    struct ethernet_t *ethernet;
    struct ipv4_t *ipv4;
    struct udp_t *udp;
    struct bth_t *bth;
    u8 opcode;
    u8 pad_count;
    u16 room;    /* bytes between BTH and ICRC */
    u32 qp;
    u32 psn;
    u32 msn;     /* the answer's AETH.msn */
    u32 length;
    u32 payload; /* bytes between the extended header and ICRC */
    u64 va;      /* byte offset in this blade */
    u64 operand; /* swap_or_add */
    u64 compare;
};

static __always_inline u16 fold(u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* One's complement sum over a header without options, RFC 1071. It is 0xffff with the right checksum in. */
static __always_inline u16 ipv4_sum(const struct ipv4_t *ip)
{
    u32 src = ipv4_get_src_addr(ip);
    u32 dst = ipv4_get_dst_addr(ip);
    u32 sum = (ipv4_get_version(ip) << 12 | ipv4_get_ihl(ip) << 8 | ipv4_get_diffserv(ip)) + ipv4_get_total_len(ip) +
              ipv4_get_identification(ip) + (ipv4_get_flags(ip) << 13 | ipv4_get_frag_offset(ip)) +
              (ipv4_get_ttl(ip) << 8 | ipv4_get_protocol(ip)) + ipv4_get_hdr_checksum(ip);

    return fold(sum + (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff));
}

static __always_inline bool has_plain_ipv4(const struct ipv4_t *ip)
{
    return ipv4_get_version(ip) == 4 && ipv4_get_ihl(ip) == 5 && !(ipv4_get_flags(ip) & 1) && !ipv4_get_frag_offset(ip);
}

/* Ethernet to BTH. `address` is this blade's, or 0 for any. */
static __always_inline enum parsed parse_roce(struct cursor *cursor, u32 address, struct request *request,
                                              struct counters *count)
{
    u32 frame = cursor->end - cursor->at;
    u16 datagram;

    if (parse_ethernet(cursor, &request->ethernet) < 0 || parse_ipv4(cursor, &request->ipv4) < 0)
        return PARSED_OTHER;
    if (ethernet_get_ether_type(request->ethernet) != ETHERTYPE_IPV4 ||
        ipv4_get_protocol(request->ipv4) != IP_PROTO_UDP || (address && ipv4_get_dst_addr(request->ipv4) != address))
        return PARSED_OTHER;
    if (!has_plain_ipv4(request->ipv4)) {
        count->drop_ip_header++;
        return PARSED_BAD;
    }
    if (parse_udp(cursor, &request->udp) < 0) {
        count->drop_truncated++;
        return PARSED_BAD;
    }
    if (udp_get_dst_port(request->udp) != UDP_PORT_ROCE)
        return PARSED_OTHER;
    if (ipv4_sum(request->ipv4) != 0xffff) {
        count->drop_ip_checksum++;
        return PARSED_BAD;
    }
    datagram = udp_get_length(request->udp);
    if (parse_bth(cursor, &request->bth) < 0 || datagram < UDP_SIZE + BTH_SIZE + ICRC_SIZE ||
        ipv4_get_total_len(request->ipv4) != IPV4_SIZE + datagram || frame < ETHERNET_SIZE + IPV4_SIZE + datagram) {
        count->drop_truncated++;
        return PARSED_BAD;
    }
    if (bth_get_transport_version(request->bth)) {
        count->drop_bth_version++;
        return PARSED_BAD;
    }
    request->opcode = bth_get_opcode(request->bth);
    request->pad_count = bth_get_pad_count(request->bth);
    request->qp = bth_get_dest_qp(request->bth);
    request->psn = bth_get_psn(request->bth);
    request->room = datagram - (UDP_SIZE + BTH_SIZE + ICRC_SIZE);
    return PARSED_REQUEST;
}

/* RETH of READ and WRITE; -1 when it is not there. */
static __always_inline int parse_access(struct cursor *cursor, struct request *request)
{
    struct reth_t *reth;

    if (parse_reth(cursor, &reth) < 0 || request->room < RETH_SIZE + request->pad_count)
        return -1;
    request->va = reth_get_va(reth);
    request->length = reth_get_length(reth);
    request->msn = reth_get_rkey(reth) & 0xffffff;
    request->payload = request->room - RETH_SIZE - request->pad_count;
    return 0;
}

/* AtomicETH of CMP_SWAP and FETCH_ADD; -1 when it is not there. */
static __always_inline int parse_atomic(struct cursor *cursor, struct request *request)
{
    struct atomic_eth_t *atomic;

    if (parse_atomic_eth(cursor, &atomic) < 0 || request->room < ATOMIC_ETH_SIZE)
        return -1;
    request->va = atomic_eth_get_va(atomic);
    request->length = sizeof(u64);
    request->msn = atomic_eth_get_rkey(atomic) & 0xffffff;
    request->operand = atomic_eth_get_swap_or_add(atomic);
    request->compare = atomic_eth_get_compare(atomic);
    return 0;
}

static __always_inline bool fits_segment(const struct request *request)
{
    return request->length <= SEGMENT_SIZE && (request->va & (SEGMENT_SIZE - 1)) + request->length <= SEGMENT_SIZE;
}

#endif
