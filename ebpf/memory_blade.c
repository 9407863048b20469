/* A memory blade: one-sided READ, WRITE, CMP_SWAP and FETCH_ADD from mapped memory, answered in the kernel.
 *
 * XDP serves everything but reads whose request brought no room for a long answer; tc ingress serves those.
 * Nothing here needs the blade's process to run. */
#include <uapi/linux/bpf.h>
#include <uapi/linux/pkt_cls.h>

#include "include/atomic.h"
#include "include/read.h"
#include "include/write.h"

static __always_inline u32 own_address(void)
{
    struct options *option = this_blade();

    return option ? option->address : 0;
}

/* Parses the verb's own header and carries the request out, but for the answer's frame. */
static __always_inline enum verdict serve(struct xdp_md *ctx, struct cursor *cursor, struct request *request,
                                          struct answer *answer, struct counters *count)
{
    int parsed = 0;

    switch (request->opcode) {
    case OPCODE_RDMA_READ_REQUEST:
    case OPCODE_RDMA_WRITE_ONLY:
        parsed = parse_access(cursor, request);
        break;
    case OPCODE_COMPARE_SWAP:
    case OPCODE_FETCH_ADD:
        parsed = parse_atomic(cursor, request);
        break;
    case OPCODE_RDMA_READ_RESPONSE_ONLY:
    case OPCODE_ACKNOWLEDGE:
    case OPCODE_ATOMIC_ACKNOWLEDGE:
        count->drop_answer++; /* an answer to an answer would never end */
        return VERDICT_DROP;
    default:
        count->nak_opcode++;
        return acknowledge(answer, SYNDROME_NAK_INVALID_REQUEST);
    }
    if (parsed < 0) {
        count->drop_truncated++;
        return VERDICT_DROP;
    }
    if (request->opcode == OPCODE_RDMA_WRITE_ONLY)
        return serve_write(ctx, request, answer, count);
    if (request->opcode != OPCODE_RDMA_READ_REQUEST)
        return serve_atomic(request, answer, count);
    if (serve_read(request, answer, count) == VERDICT_ANSWER && answer->body && !has_room(ctx, request))
        return VERDICT_PASS;
    return VERDICT_ANSWER;
}

/* Turns the frame into the answer. */
static __always_inline int finish(struct xdp_md *ctx, const struct request *request, const struct answer *answer,
                                  struct counters *count)
{
    long failed = make_answer(ctx, answer, request->msn);

    if (!failed && answer->opcode == OPCODE_RDMA_READ_RESPONSE_ONLY)
        failed = fill_read(ctx, request, count);
    else if (!failed && answer->opcode == OPCODE_ATOMIC_ACKNOWLEDGE)
        failed = fill_atomic(ctx, answer);
    if (failed) {
        count->drop_resize++;
        return XDP_DROP;
    }
    return transmit(ctx);
}

int memory_blade_xdp(struct xdp_md *ctx)
{
    struct cursor cursor = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
    struct counters *count = this_cpu_counters();
    struct request request = {};
    struct answer answer = {};
    enum parsed parsed;
    enum verdict verdict;

    if (!count)
        return XDP_ABORTED;
    parsed = parse_roce(&cursor, own_address(), &request, count);
    if (parsed != PARSED_REQUEST)
        return parsed == PARSED_OTHER ? XDP_PASS : XDP_DROP;
    verdict = serve(ctx, &cursor, &request, &answer, count);
    if (verdict != VERDICT_ANSWER)
        return verdict == VERDICT_PASS ? XDP_PASS : XDP_DROP;
    return finish(ctx, &request, &answer, count);
}

/* Only reads that XDP has let through come here; anything else with our address is not to reach the host. */
int memory_blade_tc(struct __sk_buff *skb)
{
    struct cursor cursor = {(void *)(long)skb->data, (void *)(long)skb->data_end};
    struct counters *count = this_cpu_counters();
    struct request request = {};
    struct answer answer = {};
    enum parsed parsed;

    if (!count)
        return TC_ACT_SHOT;
    parsed = parse_roce(&cursor, own_address(), &request, count);
    if (parsed != PARSED_REQUEST)
        return parsed == PARSED_OTHER ? TC_ACT_OK : TC_ACT_SHOT;
    if (request.opcode != OPCODE_RDMA_READ_REQUEST || parse_access(&cursor, &request) < 0 ||
        serve_read(&request, &answer, count) != VERDICT_ANSWER || answer.opcode != OPCODE_RDMA_READ_RESPONSE_ONLY)
        return TC_ACT_SHOT;
    if (answer_slow_read(skb, &request, &answer, count)) {
        count->drop_resize++;
        return TC_ACT_SHOT;
    }
    return bpf_redirect(skb->ifindex, 0);
}
