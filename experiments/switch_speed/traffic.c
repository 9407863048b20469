/* Frames for a switch under test: a source, a sink, and a loop that shows a program one frame after the other.
 * A program changes frames in place, and the kernel uses their memory again: each frame is written anew. */
#include <uapi/linux/bpf.h>

#define FRAME_WORDS 9 /* 72 bytes: what a program may change of a frame */
#define KEYS (1 << 20)
#define MAC_BYTES 0xffffffffffffULL

struct settings {
    u64 frame[FRAME_WORDS];
    u64 wanted;   /* the destination MAC address of the frames that count, as loaded from memory */
    u64 key_mask; /* the number of keys - 1, a power of two less one */
    u64 next;     /* the key to come */
};

struct tally {
    u64 wanted;
    u64 other;
};

BPF_F_TABLE("array", u32, struct settings, settings, 1, BPF_F_MMAPABLE);
BPF_F_TABLE("array", u32, u64, keys, KEYS, BPF_F_MMAPABLE); /* first words of frames */
BPF_TABLE("percpu_array", u32, struct tally, tally, 1);
BPF_TABLE("prog", u32, int, subject, 1);

static inline int write_frame(struct xdp_md *ctx, struct settings *from)
{
    u64 *to = (u64 *)(long)ctx->data;
    u64 *end = (u64 *)(long)ctx->data_end;

    if (to + 8 > end)
        return -1;
    for (int i = 0; i < 8; i++)
        to[i] = from->frame[i];
    if (to + 9 <= end)
        to[8] = from->frame[8];
    return 0;
}

/* The frame, beginning with the next key. */
static inline int write_next(struct xdp_md *ctx, struct settings *at)
{
    u32 place = at->next++ & at->key_mask;
    u64 *key = keys.lookup(&place), *first;

    if (!key || write_frame(ctx, at))
        return -1;
    first = (u64 *)(long)ctx->data;
    if (first + 1 > (u64 *)(long)ctx->data_end)
        return -1;
    *first = *key;
    return 0;
}

/* Out of the interface that the frame is said to have come in by. */
int source_xdp(struct xdp_md *ctx)
{
    u32 zero = 0;
    struct settings *at = settings.lookup(&zero);

    if (!at || write_next(ctx, at))
        return XDP_ABORTED;
    return XDP_TX;
}

int sink_xdp(struct xdp_md *ctx)
{
    u32 zero = 0;
    u64 *frame = (u64 *)(long)ctx->data;
    struct settings *at = settings.lookup(&zero);
    struct tally *seen = tally.lookup(&zero);

    if (!at || !seen || frame + 1 > (u64 *)(long)ctx->data_end)
        return XDP_DROP;
    if ((*frame & MAC_BYTES) == at->wanted)
        seen->wanted++;
    else
        seen->other++;
    return XDP_DROP;
}

/* A frame to the program under test. */
int replay_xdp(struct xdp_md *ctx)
{
    u32 zero = 0;
    struct settings *at = settings.lookup(&zero);

    if (!at || write_next(ctx, at))
        return XDP_ABORTED;
    subject.call(ctx, 0);
    return XDP_ABORTED;
}

/* In the place of a program: what remains is the cost of the measurement itself. */
int nothing_xdp(struct xdp_md *ctx)
{
    return XDP_DROP;
}
