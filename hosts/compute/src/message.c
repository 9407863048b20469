#include "message.h"

#include <string.h>

#include "rack_headers.h"

enum extension { RETH = 1, AETH = 2, ATOMIC = 4, ATOMIC_ACK = 8, COHERENCE = 16, UNKNOWN = 128 };

struct headers {
    struct ethernet_t ethernet;
    struct ipv4_t ipv4;
    struct udp_t udp;
    struct bth_t bth;
};

#define IPV4_WORDS (IPV4_SIZE / 4U)
#define TIME_TO_LIVE 64U
#define DEFAULT_PKEY 0xffffU
#define FIRST_SOURCE_PORT 0xc000U
#define SOURCE_PORT_MASK 0x3fffU

static unsigned extensions_of(uint8_t opcode)
{
    switch (opcode) {
    case OPCODE_RDMA_WRITE_ONLY:
    case OPCODE_RDMA_READ_REQUEST:
    case OPCODE_GET_SHARED:
    case OPCODE_GET_MODIFIED:
        return RETH;
    case OPCODE_RDMA_READ_RESPONSE_ONLY:
    case OPCODE_ACKNOWLEDGE:
        return AETH;
    case OPCODE_ATOMIC_ACKNOWLEDGE:
        return AETH | ATOMIC_ACK;
    case OPCODE_COMPARE_SWAP:
    case OPCODE_FETCH_ADD:
        return ATOMIC;
    case OPCODE_PUSH:
    case OPCODE_PUSH_EMPTY:
        return RETH | COHERENCE;
    case OPCODE_INVALIDATE:
    case OPCODE_INVALIDATE_ACK:
    case OPCODE_GRANT:
    case OPCODE_EVICT:
    case OPCODE_RESET:
        return COHERENCE;
    default:
        return UNKNOWN;
    }
}

static size_t extensions_size(unsigned extensions)
{
    return ((extensions & RETH) ? RETH_SIZE : 0U) + ((extensions & AETH) ? AETH_SIZE : 0U) +
           ((extensions & ATOMIC) ? ATOMIC_ETH_SIZE : 0U) + ((extensions & ATOMIC_ACK) ? ATOMIC_ACK_ETH_SIZE : 0U) +
           ((extensions & COHERENCE) ? COHETH_SIZE : 0U);
}

/* The bytes from BTH to the ICRC, or 0 when the frame does not hold a whole RoCE datagram. */
static size_t datagram_length(const struct headers *headers, size_t frame_length)
{
    if (ethernet_get_ether_type(&headers->ethernet) != ETHERTYPE_IPV4 || ipv4_get_version(&headers->ipv4) != 4 ||
        ipv4_get_ihl(&headers->ipv4) != IPV4_WORDS || ipv4_get_protocol(&headers->ipv4) != IP_PROTO_UDP)
        return 0;
    bool more_fragments = ipv4_get_flags(&headers->ipv4) & 1U;
    if (more_fragments || ipv4_get_frag_offset(&headers->ipv4) || udp_get_dst_port(&headers->udp) != UDP_PORT_ROCE)
        return 0;
    size_t total = ipv4_get_total_len(&headers->ipv4);
    size_t udp = udp_get_length(&headers->udp);
    if (total > frame_length - ETHERNET_SIZE || total != udp + IPV4_SIZE || udp < UDP_SIZE + BTH_SIZE + ICRC_SIZE)
        return 0;
    return udp - UDP_SIZE;
}

static void read_answer(const struct aeth_t *aeth, struct message *message)
{
    struct coherent_msn_t msn;
    message->syndrome = aeth_get_syndrome(aeth);
    memcpy(&msn, aeth->bytes + AETH_SIZE - COHERENT_MSN_SIZE, sizeof(msn));
    message->answer.region_log2 = coherent_msn_get_region_log2(&msn);
    message->answer.permission = coherent_msn_get_permission(&msn);
    message->answer.pending = coherent_msn_get_pending(&msn);
    message->answer.version = coherent_msn_get_version(&msn);
}

static void read_coherence(const struct coheth_t *coheth, struct coherence *coherence)
{
    coherence->va = coheth_get_va(coheth);
    coherence->page = coheth_get_page(coheth);
    coherence->flags = coheth_get_flags(coheth);
    coherence->region_log2 = coheth_get_region_log2(coheth);
    coherence->version = coheth_get_version(coheth);
    coherence->requester = coheth_get_requester(coheth);
    coherence->peer_qp = coheth_get_peer_qp(coheth);
    coherence->peer_psn = coheth_get_peer_psn(coheth);
    coherence->false_pages = coheth_get_false_pages(coheth);
}

static void read_reth(const struct reth_t *reth, struct message *message)
{
    message->va = reth_get_va(reth);
    message->rkey = reth_get_rkey(reth);
    message->length = reth_get_length(reth);
}

static void read_atomic(const struct atomic_eth_t *atomic, struct message *message)
{
    message->va = atomic_eth_get_va(atomic);
    message->rkey = atomic_eth_get_rkey(atomic);
    message->swap_or_add = atomic_eth_get_swap_or_add(atomic);
    message->compare = atomic_eth_get_compare(atomic);
}

static const uint8_t *read_extensions(unsigned extensions, const uint8_t *at, struct message *message)
{
    if (extensions & RETH) {
        read_reth((const struct reth_t *)at, message);
        at += RETH_SIZE;
    }
    if (extensions & ATOMIC) {
        read_atomic((const struct atomic_eth_t *)at, message);
        at += ATOMIC_ETH_SIZE;
    }
    if (extensions & AETH) {
        read_answer((const struct aeth_t *)at, message);
        at += AETH_SIZE;
    }
    if (extensions & ATOMIC_ACK) {
        message->original = atomic_ack_eth_get_original((const struct atomic_ack_eth_t *)at);
        at += ATOMIC_ACK_ETH_SIZE;
    }
    if (extensions & COHERENCE) {
        read_coherence((const struct coheth_t *)at, &message->coherence);
        at += COHETH_SIZE;
    }
    return at;
}

bool message_parse(const uint8_t *frame, size_t length, struct message *message)
{
    const struct headers *headers = (const struct headers *)frame;
    if (length < sizeof(*headers) || length > LARGEST_FRAME)
        return false;
    size_t datagram = datagram_length(headers, length);
    if (datagram == 0)
        return false;
    unsigned extensions = extensions_of(bth_get_opcode(&headers->bth));
    size_t fixed = BTH_SIZE + extensions_size(extensions) + ICRC_SIZE;
    if (extensions == UNKNOWN || datagram < fixed || bth_get_transport_version(&headers->bth) != 0)
        return false;
    memset(message, 0, sizeof(*message));
    message->opcode = bth_get_opcode(&headers->bth);
    message->qp = bth_get_dest_qp(&headers->bth);
    message->psn = bth_get_psn(&headers->bth);
    message->payload = read_extensions(extensions, frame + sizeof(*headers), message);
    message->payload_length = (uint32_t)(datagram - fixed);
    return message->payload_length <= SEGMENT_SIZE;
}

static uint16_t internet_checksum(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffffU) + (sum >> 16);
    return (uint16_t)~sum;
}

static void write_network(const struct message *message, const struct endpoints *endpoints, size_t datagram,
                          struct headers *headers)
{
    ethernet_set_dst_addr(&headers->ethernet, endpoints->rack_mac);
    ethernet_set_src_addr(&headers->ethernet, endpoints->own_mac);
    ethernet_set_ether_type(&headers->ethernet, ETHERTYPE_IPV4);
    ipv4_set_version(&headers->ipv4, 4);
    ipv4_set_ihl(&headers->ipv4, IPV4_WORDS);
    ipv4_set_total_len(&headers->ipv4, (uint16_t)(IPV4_SIZE + UDP_SIZE + datagram));
    ipv4_set_ttl(&headers->ipv4, TIME_TO_LIVE);
    ipv4_set_protocol(&headers->ipv4, IP_PROTO_UDP);
    ipv4_set_src_addr(&headers->ipv4, endpoints->own_address);
    ipv4_set_dst_addr(&headers->ipv4, endpoints->rack_address);
    ipv4_set_hdr_checksum(&headers->ipv4, internet_checksum(headers->ipv4.bytes, IPV4_SIZE));
    udp_set_src_port(&headers->udp, (uint16_t)(FIRST_SOURCE_PORT | (message->qp & SOURCE_PORT_MASK)));
    udp_set_dst_port(&headers->udp, UDP_PORT_ROCE);
    udp_set_length(&headers->udp, (uint16_t)(UDP_SIZE + datagram));
}

static void write_coherence(const struct coherence *coherence, struct coheth_t *coheth)
{
    coheth_set_va(coheth, coherence->va);
    coheth_set_page(coheth, coherence->page);
    coheth_set_flags(coheth, coherence->flags);
    coheth_set_region_log2(coheth, coherence->region_log2);
    coheth_set_version(coheth, coherence->version);
    coheth_set_requester(coheth, coherence->requester);
    coheth_set_peer_qp(coheth, coherence->peer_qp);
    coheth_set_peer_psn(coheth, coherence->peer_psn);
    coheth_set_false_pages(coheth, coherence->false_pages);
}

static void write_atomic(const struct message *message, struct atomic_eth_t *atomic)
{
    atomic_eth_set_va(atomic, message->va);
    atomic_eth_set_rkey(atomic, message->rkey);
    atomic_eth_set_swap_or_add(atomic, message->swap_or_add);
    atomic_eth_set_compare(atomic, message->compare);
}

/* Requests only: a blade sends no AETH. */
static void write_extensions(unsigned extensions, const struct message *message, uint8_t *at)
{
    if (extensions & RETH) {
        struct reth_t *reth = (struct reth_t *)at;
        reth_set_va(reth, message->va);
        reth_set_rkey(reth, message->rkey);
        reth_set_length(reth, message->length);
        at += RETH_SIZE;
    }
    if (extensions & ATOMIC)
        write_atomic(message, (struct atomic_eth_t *)at);
    if (extensions & COHERENCE)
        write_coherence(&message->coherence, (struct coheth_t *)at);
}

size_t message_build(const struct message *message, const struct endpoints *endpoints, uint8_t *bytes)
{
    struct headers *headers = (struct headers *)bytes;
    unsigned extensions = extensions_of(message->opcode);
    size_t size = extensions_size(extensions);
    memset(bytes, 0, sizeof(*headers) + size);
    write_network(message, endpoints, BTH_SIZE + size + message->payload_length + ICRC_SIZE, headers);
    bth_set_opcode(&headers->bth, message->opcode);
    bth_set_migration(&headers->bth, 1);
    bth_set_pkey(&headers->bth, DEFAULT_PKEY);
    bth_set_dest_qp(&headers->bth, message->qp);
    bth_set_ack_request(&headers->bth, 1);
    bth_set_psn(&headers->bth, message->psn);
    write_extensions(extensions, message, bytes + sizeof(*headers));
    return sizeof(*headers) + size;
}
