/* CMP_SWAP and FETCH_ADD on eight aligned bytes: big-endian on the wire, host order in memory. They are single
 * instructions of the processor, so they are atomic with what the blade's own process does too. */
#ifndef RACKPLANE_ATOMIC_H
#define RACKPLANE_ATOMIC_H

#include "admission.h"
#include "memory.h"

static __always_inline u64 execute_atomic(u64 *word, const struct request *request)
{
    if (request->opcode == OPCODE_COMPARE_SWAP)
        return __sync_val_compare_and_swap(word, request->compare, request->operand);
    return __sync_fetch_and_add(word, request->operand);
}

/* Executes it, or finds its result in the history: one step under the queue pair's lock. */
static __always_inline enum admission admit_atomic(struct bucket *bucket, const struct request *request, u64 *word,
                                                   u64 *original)
{
    struct moment moment = this_moment();
    enum admission admission;
    u32 slot = 0;

    bpf_spin_lock(&bucket->lock);
    admission = history_admit(bucket, request, &moment, &slot);
    slot %= HISTORY_WAYS * HISTORY_WINDOW;
    if (admission == ADMIT_EXECUTE) {
        bucket->results[slot].original = execute_atomic(word, request);
        bucket->results[slot].tag &= ~HISTORY_PENDING;
    }
    *original = bucket->results[slot].original;
    bpf_spin_unlock(&bucket->lock);
    return admission;
}

static __always_inline void count_atomic(struct counters *count, const struct request *request,
                                         enum admission admission)
{
    if (admission == ADMIT_REPEAT)
        count->repeated_answers++;
    else if (request->opcode == OPCODE_COMPARE_SWAP)
        count->compare_swaps++;
    else
        count->fetch_adds++;
}

static __always_inline enum verdict serve_atomic(const struct request *request, struct answer *answer,
                                                 struct counters *count)
{
    struct page *page = page_of(request->va);
    struct bucket *bucket = bucket_of(request->qp);
    enum admission admission;

    if (request->va % sizeof(u64)) {
        count->nak_alignment++;
        return acknowledge(answer, SYNDROME_NAK_INVALID_REQUEST);
    }
    if (!page || !bucket) {
        count->nak_address++;
        return acknowledge(answer, SYNDROME_NAK_REMOTE_ACCESS);
    }
    admission = admit_atomic(bucket, request, word_of(page, request->va), &answer->original);
    if (admission != ADMIT_EXECUTE && admission != ADMIT_REPEAT)
        return turn_away(admission, answer, count);
    count_atomic(count, request, admission);
    answer->opcode = OPCODE_ATOMIC_ACKNOWLEDGE;
    answer->body = ATOMIC_ACK_ETH_SIZE;
    return VERDICT_ANSWER;
}

/* After make_answer. */
static __always_inline long fill_atomic(struct xdp_md *ctx, const struct answer *answer)
{
    struct atomic_ack_eth_t body;

    atomic_ack_eth_set_original(&body, answer->original);
    return bpf_xdp_store_bytes(ctx, ANSWER_OFFSET, &body, sizeof(body));
}

#endif
