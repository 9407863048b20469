/* Write-backs: a dirty page goes to its memory blade, by WRITE or, when another blade waits for it, by PUSH. */
#include <string.h>

#include "parts.h"

static void send_segments(struct protocol *protocol, const struct write_back *write, uint8_t segments)
{
    for (uint32_t segment = 0; segment < SEGMENTS; segment++) {
        if (!(segments & 1U << segment))
            continue;
        struct message message = {.opcode = write->push ? OPCODE_PUSH : OPCODE_RDMA_WRITE_ONLY,
                                  .qp = protocol->options.first_qp + QP_WRITE,
                                  .psn = (write->psn + segment) & PSN_MASK,
                                  .va = write->page->va + segment * SEGMENT_SIZE,
                                  .rkey = protocol->options.domain,
                                  .length = SEGMENT_SIZE,
                                  .coherence = write->coherence,
                                  .payload_length = SEGMENT_SIZE};
        send_message(protocol, &message);
    }
}

static void schedule(struct protocol *protocol, struct write_back *write, uint64_t now)
{
    write->send_at = now + retransmit_wait(protocol, write->tries);
    wake_by(protocol, write->send_at);
}

/* A memory blade executes a WRITE at most once because it keeps the last 256 PSNs: the oldest must not fall out. */
static bool window_open(const struct protocol *protocol)
{
    for (uint32_t i = 0; protocol->write_count && i < MAX_WRITES; i++)
        if (protocol->writes[i].page != NULL &&
            psn_distance(protocol->writes[i].psn, protocol->write_psn) + SEGMENTS > PSN_WINDOW)
            return false;
    return true;
}

static struct write_back *free_write(struct protocol *protocol)
{
    for (uint32_t i = 0; protocol->write_count < MAX_WRITES && i < MAX_WRITES; i++)
        if (protocol->writes[i].page == NULL)
            return &protocol->writes[i];
    return NULL;
}

/* The page is made read-only first: what is sent, and sent again, is what the page holds until the end. */
static void protect(struct protocol *protocol, struct page *page)
{
    if (!(page->flags & PAGE_WRITABLE))
        return;
    page->flags &= (uint8_t)~PAGE_WRITABLE;
    act(protocol, ACTION_PROTECT, page->va);
}

bool write_back_start(struct protocol *protocol, struct page *page, const struct coherence *push, uint64_t now)
{
    struct write_back *write = free_write(protocol);
    if (write == NULL || !window_open(protocol))
        return false;
    memset(write, 0, sizeof(*write));
    write->page = page;
    write->started = now;
    write->psn = protocol->write_psn;
    write->push = push != NULL;
    if (push != NULL)
        write->coherence = *push;
    protocol->write_psn = (protocol->write_psn + SEGMENTS) & PSN_MASK;
    page->write = (uint8_t)(write - protocol->writes + 1);
    protocol->write_count++;
    protect(protocol, page);
    send_segments(protocol, write, ALL_SEGMENTS);
    schedule(protocol, write, now);
    return true;
}

static void saved(struct protocol *protocol, const struct write_back *write)
{
    struct page *page = write->page;
    protocol->stats->pushes += write->push;
    protocol->stats->write_backs++;
    protocol->stats->dirty_pages -= (page->flags & PAGE_DIRTY) != 0;
    page->flags &= (uint8_t)~PAGE_DIRTY;
}

/* A refused PUSH means that the transaction is over or another: the page stays, and may be written yet. A refused
 * WRITE means that this blade is not the owner any more. */
static void finish(struct protocol *protocol, struct write_back *write, uint64_t now)
{
    struct write_back ended = *write;
    write->page = NULL;
    ended.page->write = 0;
    protocol->write_count--;
    if (!ended.refused)
        saved(protocol, &ended);
    else if (!ended.push)
        fail_page(protocol, ended.page, FAILURE_LOST);
    protocol->drain.lost += ended.refused && !ended.push;
    revocation_progress(protocol, &ended, now);
    cache_written(protocol, ended.page, now);
}

static struct write_back *write_of(struct protocol *protocol, uint32_t psn, uint32_t *segment)
{
    for (uint32_t i = 0; protocol->write_count && i < MAX_WRITES; i++) {
        *segment = psn_distance(protocol->writes[i].psn, psn);
        if (protocol->writes[i].page != NULL && *segment < SEGMENTS)
            return &protocol->writes[i];
    }
    return NULL;
}

void write_back_receive(struct protocol *protocol, const struct message *message, uint64_t now)
{
    uint32_t segment;
    struct write_back *write = write_of(protocol, message->psn, &segment);
    if (write == NULL || message->opcode != OPCODE_ACKNOWLEDGE) {
        protocol->stats->stale++;
        return;
    }
    if (message->syndrome == SYNDROME_RNR_NAK) {
        protocol->stats->receiver_not_ready++; /* the retransmission comes by itself */
        return;
    }
    if (message->syndrome >= SYNDROME_NAK_SEQUENCE) {
        protocol->stats->refused++;
        write->refused = true;
    }
    write->acknowledged |= (uint8_t)(1U << segment);
    if (write->acknowledged == ALL_SEGMENTS)
        finish(protocol, write, now);
}

/* The requester asks again, perhaps under other PSNs: what it lacks is on its way once more. A push of another
 * transaction must not become one of this: it ends first, refused, and the page is pushed anew. */
void write_back_redirect(struct protocol *protocol, const struct coherence *coherence, uint64_t now)
{
    for (uint32_t i = 0; protocol->write_count && i < MAX_WRITES; i++) {
        struct write_back *write = &protocol->writes[i];
        if (write->page == NULL || !write->push || write->page->va != coherence->page ||
            write->coherence.version != coherence->version)
            continue;
        write->coherence = *coherence;
        send_segments(protocol, write, (uint8_t)(ALL_SEGMENTS & ~write->acknowledged));
        schedule(protocol, write, now);
    }
}

void write_back_tick(struct protocol *protocol, uint64_t now)
{
    for (uint32_t i = 0; protocol->write_count && i < MAX_WRITES; i++) {
        struct write_back *write = &protocol->writes[i];
        if (write->page == NULL)
            continue;
        if (now >= write->send_at) {
            uint8_t missing = (uint8_t)(ALL_SEGMENTS & ~write->acknowledged);
            write->tries += write->tries < UINT8_MAX;
            protocol->stats->retransmissions += (uint64_t)__builtin_popcount(missing);
            send_segments(protocol, write, missing);
            schedule(protocol, write, now);
        }
        wake_by(protocol, write->send_at);
    }
}
