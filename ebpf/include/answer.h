/* Answers: the request's frame, brought to the answer's length and turned around. */
#ifndef RACKPLANE_ANSWER_H
#define RACKPLANE_ANSWER_H

#include "roce.h"

#define GROWTH_LIMIT 128 /* bytes that any frame can grow at its head: less than XDP's head room */
#define FRONT_SIZE (ETHERNET_SIZE + IPV4_SIZE + UDP_SIZE + BTH_SIZE)

typedef u64 __attribute__((may_alias)) packet_u64;
typedef u32 __attribute__((may_alias)) packet_u32;
typedef u16 __attribute__((may_alias)) packet_u16;

/* What becomes of a request. */
enum verdict {
    VERDICT_ANSWER,
    VERDICT_DROP, /* counted */
    VERDICT_PASS, /* to the tc program */
};

/* What an answer says. `body` bytes follow AETH. */
struct answer {
    u8 opcode;
    u8 syndrome;
    u32 body;
    u64 original; /* ATOMIC_ACKNOWLEDGE */
};

/* ACKNOWLEDGE with a syndrome: of a WRITE, or a refusal. */
static __always_inline enum verdict acknowledge(struct answer *answer, u8 syndrome)
{
    answer->opcode = OPCODE_ACKNOWLEDGE;
    answer->syndrome = syndrome;
    return VERDICT_ANSWER;
}

static __always_inline void turn_around(struct ethernet_t *ethernet, struct ipv4_t *ip)
{
    u64 mac = ethernet_get_src_addr(ethernet);
    u32 address = ipv4_get_src_addr(ip);

    ethernet_set_src_addr(ethernet, ethernet_get_dst_addr(ethernet));
    ethernet_set_dst_addr(ethernet, mac);
    ipv4_set_src_addr(ip, ipv4_get_dst_addr(ip));
    ipv4_set_dst_addr(ip, address);
}

static __always_inline void set_lengths(struct ipv4_t *ip, struct udp_t *udp, u32 datagram)
{
    /* RFC 1624, equation 3: only the length changes; swapped addresses have the same sum. */
    u32 sum = (u16)~ipv4_get_hdr_checksum(ip) + (u16)~ipv4_get_total_len(ip) + IPV4_SIZE + datagram;

    ipv4_set_total_len(ip, IPV4_SIZE + datagram);
    ipv4_set_hdr_checksum(ip, ~fold(sum));
    udp_set_length(udp, datagram);
    udp_set_checksum(udp, 0);
}

/* Writes all headers of the answer and its ICRC over a frame that has the answer's length; -1 when it has not. */
static __always_inline int write_answer(void *data, void *end, const struct answer *answer, u32 msn)
{
    struct cursor cursor = {data, end};
    u32 body = answer->body;
    struct ethernet_t *ethernet;
    struct ipv4_t *ip;
    struct udp_t *udp;
    struct bth_t *bth;
    struct aeth_t *aeth;

    if (body > SEGMENT_SIZE || parse_ethernet(&cursor, &ethernet) < 0 || parse_ipv4(&cursor, &ip) < 0 ||
        parse_udp(&cursor, &udp) < 0 || parse_bth(&cursor, &bth) < 0 || parse_aeth(&cursor, &aeth) < 0)
        return -1;
    turn_around(ethernet, ip);
    set_lengths(ip, udp, UDP_SIZE + BTH_SIZE + AETH_SIZE + body + ICRC_SIZE);
    bth_set_opcode(bth, answer->opcode);
    bth_set_solicited(bth, 0);
    bth_set_pad_count(bth, 0);
    bth_set_ack_request(bth, 0);
    aeth_set_syndrome(aeth, answer->syndrome);
    aeth_set_msn(aeth, msn);
    if (cursor.at + body + ICRC_SIZE > end)
        return -1;
    *(packet_u32 *)(cursor.at + body) = 0;
    return 0;
}

/* Moves the headers to a frame's new front, `grown` bytes before the old one. */
static __always_inline int move_front(struct xdp_md *ctx, u64 grown)
{
    void *to = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    void *from;

    grown = opaque(grown);
    if (grown > GROWTH_LIMIT)
        return -1;
    from = to + grown;
    if (to + FRONT_SIZE > end || from + FRONT_SIZE > end)
        return -1;
#pragma unroll
    for (int at = 0; at < FRONT_SIZE / 8 * 8; at += 8)
        *(packet_u64 *)(to + at) = *(packet_u64 *)(from + at);
    *(packet_u32 *)(to + 48) = *(packet_u32 *)(from + 48);
    *(packet_u16 *)(to + 52) = *(packet_u16 *)(from + 52);
    return 0;
}

/* Brings the frame to `length` bytes. A socket's frame has no room at its tail; so it grows at its head. */
static __always_inline int resize(struct xdp_md *ctx, u32 length)
{
    int grown = length - (u32)(ctx->data_end - ctx->data);

    if (!grown)
        return 0;
    if (grown < 0)
        return bpf_xdp_adjust_tail(ctx, grown);
    if (grown > GROWTH_LIMIT || bpf_xdp_adjust_head(ctx, -grown))
        return -1;
    return move_front(ctx, grown);
}

/* Makes the answer of the request; its body is yet to be filled in, at ANSWER_OFFSET. */
static __always_inline int make_answer(struct xdp_md *ctx, const struct answer *answer, u32 msn)
{
    if (resize(ctx, ANSWER_OFFSET + answer->body + ICRC_SIZE) < 0)
        return -1;
    return write_answer((void *)(long)ctx->data, (void *)(long)ctx->data_end, answer, msn);
}

/* Sends the frame back. XDP_TX on veth leaves it in the peer's ring, unseen, unless the peer has an XDP program;
 * a redirect to the same interface costs as much and needs only NAPI (`gro on`) there. */
static __always_inline int transmit(struct xdp_md *ctx)
{
    return bpf_redirect(ctx->ingress_ifindex, 0);
}

#endif
