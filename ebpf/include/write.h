/* RDMA WRITE. */
#ifndef RACKPLANE_WRITE_H
#define RACKPLANE_WRITE_H

#include "admission.h"
#include "memory.h"

#define WRITE_DATA_OFFSET (ETHERNET_SIZE + IPV4_SIZE + UDP_SIZE + BTH_SIZE + RETH_SIZE)

/* The copy calls helpers, so it runs outside the lock, its result pending meanwhile. */
static __always_inline enum verdict execute_write(struct xdp_md *ctx, const struct request *request,
                                                  struct page *page, struct bucket *bucket, u32 slot,
                                                  struct answer *answer, struct counters *count)
{
    bool done = copy_from_frame(ctx, WRITE_DATA_OFFSET, page, request) == 0;

    history_finish(bucket, slot, done);
    if (!done) {
        count->drop_truncated++;
        return VERDICT_DROP;
    }
    count->writes++;
    count->written_bytes += request->length;
    return acknowledge(answer, SYNDROME_ACK);
}

static __always_inline enum verdict serve_write(struct xdp_md *ctx, const struct request *request,
                                                struct answer *answer, struct counters *count)
{
    struct page *page = page_of(request->va);
    struct bucket *bucket = bucket_of(request->qp);
    struct moment moment = this_moment();
    enum admission admission;
    u32 slot = 0;

    if (!fits_segment(request) || request->length != request->payload) {
        count->nak_length++;
        return acknowledge(answer, SYNDROME_NAK_INVALID_REQUEST);
    }
    if (!page || !bucket) {
        count->nak_address++;
        return acknowledge(answer, SYNDROME_NAK_REMOTE_ACCESS);
    }
    bpf_spin_lock(&bucket->lock);
    admission = history_admit(bucket, request, &moment, &slot);
    bpf_spin_unlock(&bucket->lock);
    if (admission == ADMIT_EXECUTE)
        return execute_write(ctx, request, page, bucket, slot, answer, count);
    if (admission != ADMIT_REPEAT)
        return turn_away(admission, answer, count);
    count->repeated_answers++;
    return acknowledge(answer, SYNDROME_ACK);
}

#endif
