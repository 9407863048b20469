/* At most once: the last 256 PSNs of each queue pair with their results (docs/wire.md).
 *
 * A queue pair has a place in the bucket that its number hashes to, and keeps it until it has been silent for the
 * lifetime of the options, which is longer than any requester retransmits. Nothing else frees a place: where all
 * places of a bucket are in use, one more queue pair is told to come again later, for a forgotten result could be an
 * update done twice. READs need no history. */
#ifndef RACKPLANE_HISTORY_H
#define RACKPLANE_HISTORY_H

#include "options.h"
#include "roce.h"

#define HISTORY_WINDOW 256
#define HISTORY_WAYS 8
#define HISTORY_REACH (1 << 20) /* PSNs up to this far behind the newest are old; beyond, READs have moved the PSN on */
#define HISTORY_PENDING 0x80000000U

struct result {
    u32 tag;        /* opcode in bits 31..24 (all below 0x80), PSN in the others; HISTORY_PENDING while it executes */
    u32 generation; /* of the queue pair's stay in its place: results of an earlier one are void */
    u64 original;   /* of an atomic */
};

struct queue_pair {
    u32 key; /* number + 1; 0: free */
    u32 generation;
    u32 newest;
    u32 reserved;
    u64 used; /* ns, bpf_ktime */
};

struct bucket {
    struct bpf_spin_lock lock;
    u32 generation;
    struct queue_pair queue_pairs[HISTORY_WAYS];
    struct result results[HISTORY_WAYS * HISTORY_WINDOW];
};

/* HISTORY_BUCKETS: a power of two. */
BPF_TABLE("array", u32, struct bucket, history, HISTORY_BUCKETS);

enum admission {
    ADMIT_EXECUTE,
    ADMIT_REPEAT,  /* executed before */
    ADMIT_PENDING, /* another CPU executes it now */
    ADMIT_CHANGED, /* the PSN was executed as another verb */
    ADMIT_OLD,
    ADMIT_FULL,
};

static __always_inline struct bucket *bucket_of(u32 qp)
{
    u32 index = (qp * 0x9E3779B1U) >> 16 & (HISTORY_BUCKETS - 1); /* golden ratio: neighbours do not meet */

    return history.lookup(&index);
}

/* A moment, and the one before which a queue pair must have been heard of to be alive. In ns, bpf_ktime. */
struct moment {
    u64 now;
    u64 horizon;
};

static __always_inline struct moment this_moment(void)
{
    struct options *option = this_blade();
    u64 now = bpf_ktime_get_ns();
    struct moment moment = {now, option ? now - option->lifetime : 0};

    return moment;
}

static __always_inline bool is_alive(const struct queue_pair *queue_pair, const struct moment *moment)
{
    return queue_pair->key && (s64)(queue_pair->used - moment->horizon) > 0;
}

/* The place of a queue pair in its bucket, taken if it has none; -1 when there is none to take. Under the lock. */
static __always_inline int find_queue_pair(struct bucket *bucket, u32 qp, const struct moment *moment)
{
    int vacant = -1;

    for (int way = 0; way < HISTORY_WAYS; way++) {
        struct queue_pair *queue_pair = &bucket->queue_pairs[way];
        bool alive = is_alive(queue_pair, moment);

        if (alive && queue_pair->key == qp + 1)
            return way;
        if (!alive && vacant < 0)
            vacant = way;
    }
    return vacant;
}

static __always_inline void open_queue_pair(struct bucket *bucket, struct queue_pair *queue_pair,
                                            const struct request *request)
{
    queue_pair->key = request->qp + 1;
    queue_pair->generation = ++bucket->generation;
    queue_pair->newest = request->psn;
}

static __always_inline enum admission seen_before(const struct result *result, u32 tag)
{
    if (result->tag & HISTORY_PENDING)
        return ADMIT_PENDING;
    return result->tag == tag ? ADMIT_REPEAT : ADMIT_CHANGED;
}

/* Decides about a WRITE or an atomic, and enters it as pending when it is to be executed. `*slot` is its result's
 * index. Under the lock; no helper may be called there. */
static __always_inline enum admission history_admit(struct bucket *bucket, const struct request *request,
                                                    const struct moment *moment, u32 *slot)
{
    u32 tag = (u32)request->opcode << 24 | request->psn;
    int way = find_queue_pair(bucket, request->qp, moment);
    struct queue_pair *queue_pair;
    struct result *result;
    u32 behind;

    if (way < 0)
        return ADMIT_FULL;
    way &= HISTORY_WAYS - 1;
    queue_pair = &bucket->queue_pairs[way];
    if (queue_pair->key != request->qp + 1 || !is_alive(queue_pair, moment))
        open_queue_pair(bucket, queue_pair, request);
    queue_pair->used = moment->now;
    *slot = way * HISTORY_WINDOW + request->psn % HISTORY_WINDOW;
    result = &bucket->results[*slot];
    behind = (queue_pair->newest - request->psn) & 0xffffff;
    if (behind >= HISTORY_WINDOW && behind < HISTORY_REACH)
        return ADMIT_OLD;
    if (behind >= HISTORY_WINDOW)
        queue_pair->newest = request->psn;
    else if (result->generation == queue_pair->generation && !((result->tag ^ tag) & 0xffffff))
        return seen_before(result, tag);
    result->generation = queue_pair->generation;
    result->tag = tag | HISTORY_PENDING;
    return ADMIT_EXECUTE;
}

/* The pending request has been executed, or, with `done` false, has had no effect. */
static __always_inline void history_finish(struct bucket *bucket, u32 slot, bool done)
{
    struct result *result = &bucket->results[slot % (HISTORY_WAYS * HISTORY_WINDOW)];

    bpf_spin_lock(&bucket->lock);
    if (done)
        result->tag &= ~HISTORY_PENDING;
    else
        result->generation = 0;
    bpf_spin_unlock(&bucket->lock);
}

#endif
