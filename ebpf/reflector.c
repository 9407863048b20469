/* A reflector: answers the verbs of a memory blade as fast as a frame can be turned around, from no memory.
 *
 * It is the physical limit that a memory blade is measured against: what links, parsing and the answer's headers
 * cost. A READ is answered with whatever bytes are there, an atomic with 0. Nothing is checked or remembered. */
#include <uapi/linux/bpf.h>

#include "include/answer.h"

static __always_inline int parse_verb(struct cursor *cursor, struct request *request, struct answer *answer)
{
    switch (request->opcode) {
    case OPCODE_RDMA_READ_REQUEST:
        answer->opcode = OPCODE_RDMA_READ_RESPONSE_ONLY;
        if (parse_access(cursor, request) < 0 || request->length > SEGMENT_SIZE)
            return -1;
        answer->body = request->length;
        return 0;
    case OPCODE_RDMA_WRITE_ONLY:
        answer->opcode = OPCODE_ACKNOWLEDGE;
        return parse_access(cursor, request);
    case OPCODE_COMPARE_SWAP:
    case OPCODE_FETCH_ADD:
        answer->opcode = OPCODE_ATOMIC_ACKNOWLEDGE;
        answer->body = ATOMIC_ACK_ETH_SIZE;
        return parse_atomic(cursor, request);
    default:
        return -1;
    }
}

int reflector_xdp(struct xdp_md *ctx)
{
    struct cursor cursor = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
    struct request request = {};
    struct answer answer = {};

    if (parse_ethernet(&cursor, &request.ethernet) < 0 || parse_ipv4(&cursor, &request.ipv4) < 0 ||
        parse_udp(&cursor, &request.udp) < 0 || parse_bth(&cursor, &request.bth) < 0)
        return XDP_PASS;
    if (ethernet_get_ether_type(request.ethernet) != ETHERTYPE_IPV4 ||
        ipv4_get_protocol(request.ipv4) != IP_PROTO_UDP || udp_get_dst_port(request.udp) != UDP_PORT_ROCE)
        return XDP_PASS;
    request.opcode = bth_get_opcode(request.bth);
    request.room = udp_get_length(request.udp) - (UDP_SIZE + BTH_SIZE + ICRC_SIZE);
    if (parse_verb(&cursor, &request, &answer) < 0 || make_answer(ctx, &answer, request.msn) < 0)
        return XDP_DROP;
    return transmit(ctx);
}
