/* Faults on a link: RoCE frames that an interface receives are lost, doubled or delayed, each at a rate of its own.
 *
 * It stands in front of the interface's own XDP program, if there is one, and tail calls it. XDP can neither copy nor hold
 * a frame: a copy goes to the loader, which injects it later. A delayed frame is overtaken by its successors. */
#include <uapi/linux/bpf.h>

#include "include/cursor.h"

#define HELD_BYTES 2048
#define THOUSAND 1000

struct options {
    u64 seed;
    u32 drop; /* per mille of RoCE frames, each */
    u32 duplicate;
    u32 delay;
    u32 reserved;
};

struct counters {
    u64 frames;
    u64 dropped;
    u64 duplicated;
    u64 delayed;
    u64 unheld; /* to be doubled or delayed, but there was no room: passed */
};

struct held {
    u32 length;
    u8 bytes[HELD_BYTES];
};

BPF_TABLE("array", u32, struct options, options, 1);
BPF_TABLE("array", u32, u64, drawn, 1);
BPF_TABLE("percpu_array", u32, struct counters, counters, 1);
BPF_TABLE("prog", u32, int, next, 1);
BPF_RINGBUF_OUTPUT(held, 256);

static __always_inline bool is_roce(struct xdp_md *ctx)
{
    struct cursor cursor = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
    struct ethernet_t *ethernet;
    struct ipv4_t *ip;
    struct udp_t *udp;

    return parse_ethernet(&cursor, &ethernet) == 0 && ethernet_get_ether_type(ethernet) == ETHERTYPE_IPV4 &&
           parse_ipv4(&cursor, &ip) == 0 && ipv4_get_protocol(ip) == IP_PROTO_UDP && ipv4_get_ihl(ip) == 5 &&
           parse_udp(&cursor, &udp) == 0 && udp_get_dst_port(udp) == UDP_PORT_ROCE;
}

/* The n-th draw of a seed, 0 to 999: the same on every run, whichever CPU the frame is on (the finalizer of SplitMix64). */
static __always_inline u32 draw(u64 seed, u64 n)
{
    u64 x = seed + (n + 1) * 0x9E3779B97F4A7C15ULL;

    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    x ^= x >> 31;
    return x % THOUSAND;
}

/* Gives a copy of the frame to the loader. */
static __always_inline bool hold(struct xdp_md *ctx)
{
    u64 length = opaque(ctx->data_end - ctx->data);
    struct held *copy = held.ringbuf_reserve(sizeof(struct held));

    if (!copy)
        return false;
    copy->length = length;
    if (!length || length > HELD_BYTES || bpf_xdp_load_bytes(ctx, 0, copy->bytes, length)) {
        held.ringbuf_discard(copy, 0);
        return false;
    }
    held.ringbuf_submit(copy, 0);
    return true;
}

/* Whether the frame goes on now. */
static __always_inline bool goes_on(struct xdp_md *ctx, const struct options *option, struct counters *count, u64 n)
{
    u32 lot = draw(option->seed, n);

    count->frames++;
    if (lot < option->drop) {
        count->dropped++;
        return false;
    }
    if (lot >= option->drop + option->duplicate + option->delay)
        return true;
    if (!hold(ctx)) {
        count->unheld++;
        return true;
    }
    if (lot < option->drop + option->duplicate) {
        count->duplicated++;
        return true;
    }
    count->delayed++;
    return false;
}

int fault_xdp(struct xdp_md *ctx)
{
    u32 only = 0;
    struct options *option = options.lookup(&only);
    struct counters *count = counters.lookup(&only);
    u64 *number = drawn.lookup(&only);

    if (!option || !count || !number)
        return XDP_ABORTED;
    if (is_roce(ctx) && !goes_on(ctx, option, count, __sync_fetch_and_add(number, 1)))
        return XDP_DROP;
    next.call(ctx, 0);
    return XDP_PASS;
}

/* What frames are injected through where the interface has no program of its own. */
int pass_xdp(struct xdp_md *ctx)
{
    return XDP_PASS;
}
