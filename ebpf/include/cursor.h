/* A cursor over a packet: each parse function takes one header and moves on, or returns -1 on a short packet.
 * It serves XDP and tc alike. After a helper that resizes the frame, make a new one. */
#ifndef RACKPLANE_CURSOR_H
#define RACKPLANE_CURSOR_H

#include "../generated/rack_headers.h"

/* Hides where a number came from, so that the compiler keeps a bounds check on the very value that the verifier
 * sees in use. */
static __always_inline __u64 opaque(__u64 value)
{
    asm volatile("" : "+r"(value));
    return value;
}

struct cursor {
    void *at;
    void *end;
};

static __always_inline int parse_ethernet(struct cursor *cursor, struct ethernet_t **header)
{
    *header = cursor->at;
    cursor->at += ETHERNET_SIZE;
    return cursor->at <= cursor->end ? 0 : -1;
}

static __always_inline int parse_ipv4(struct cursor *cursor, struct ipv4_t **header)
{
    *header = cursor->at;
    cursor->at += IPV4_SIZE;
    return cursor->at <= cursor->end ? 0 : -1;
}

static __always_inline int parse_udp(struct cursor *cursor, struct udp_t **header)
{
    *header = cursor->at;
    cursor->at += UDP_SIZE;
    return cursor->at <= cursor->end ? 0 : -1;
}

static __always_inline int parse_bth(struct cursor *cursor, struct bth_t **header)
{
    *header = cursor->at;
    cursor->at += BTH_SIZE;
    return cursor->at <= cursor->end ? 0 : -1;
}

static __always_inline int parse_reth(struct cursor *cursor, struct reth_t **header)
{
    *header = cursor->at;
    cursor->at += RETH_SIZE;
    return cursor->at <= cursor->end ? 0 : -1;
}

static __always_inline int parse_aeth(struct cursor *cursor, struct aeth_t **header)
{
    *header = cursor->at;
    cursor->at += AETH_SIZE;
    return cursor->at <= cursor->end ? 0 : -1;
}

static __always_inline int parse_atomic_eth(struct cursor *cursor, struct atomic_eth_t **header)
{
    *header = cursor->at;
    cursor->at += ATOMIC_ETH_SIZE;
    return cursor->at <= cursor->end ? 0 : -1;
}

#endif
