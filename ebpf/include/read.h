/* RDMA READ. */
#ifndef RACKPLANE_READ_H
#define RACKPLANE_READ_H

#include "answer.h"
#include "memory.h"

/* Whether XDP can make the frame as long as the answer; else the frame goes on to the tc program. */
static __always_inline bool has_room(const struct xdp_md *ctx, const struct request *request)
{
    return ANSWER_OFFSET + request->length + ICRC_SIZE <= (u32)(ctx->data_end - ctx->data) + GROWTH_LIMIT;
}

/* Checks the READ and decides on its answer. */
static __always_inline enum verdict serve_read(const struct request *request, struct answer *answer,
                                               struct counters *count)
{
    if (!fits_segment(request)) {
        count->nak_length++;
        return acknowledge(answer, SYNDROME_NAK_INVALID_REQUEST);
    }
    if (!page_of(request->va)) {
        count->nak_address++;
        return acknowledge(answer, SYNDROME_NAK_REMOTE_ACCESS);
    }
    answer->opcode = OPCODE_RDMA_READ_RESPONSE_ONLY;
    answer->body = request->length;
    return VERDICT_ANSWER;
}

/* After make_answer. */
static __always_inline long fill_read(struct xdp_md *ctx, const struct request *request, struct counters *count)
{
    struct page *page = page_of(request->va);

    if (!page || copy_to_frame(ctx, ANSWER_OFFSET, page, request))
        return -1;
    count->reads++;
    count->read_bytes += request->length;
    return 0;
}

/* The slow path, in tc, where a frame can grow at its tail. It costs about a microsecond more. */
static __always_inline long answer_slow_read(struct __sk_buff *skb, const struct request *request,
                                             const struct answer *answer, struct counters *count)
{
    u32 length = ANSWER_OFFSET + request->length + ICRC_SIZE;
    struct page *page = page_of(request->va);

    if (!page || bpf_skb_change_tail(skb, length, 0) || bpf_skb_pull_data(skb, length) ||
        write_answer((void *)(long)skb->data, (void *)(long)skb->data_end, answer, request->msn) < 0 ||
        copy_to_skb(skb, ANSWER_OFFSET, page, request))
        return -1;
    count->reads++;
    count->slow_reads++;
    count->read_bytes += request->length;
    return 0;
}

#endif
