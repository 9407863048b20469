/* Fills: a page comes from the rack, or the right to write to one that is here. */
#include <string.h>

#include "parts.h"

/* A fill whose oldest PSN is this far behind begins again with new ones before the window would be full. */
#define OLD_PSN (PSN_WINDOW / 2)
/* An UPGRADE told to wait this often asks for the page instead: the directory may not know the copy. */
#define UPGRADE_PATIENCE 8U
#define ASKED_FOR(fill) ((fill)->upgrade ? 1U : ALL_SEGMENTS)

static bool under_way(const struct fill *fill)
{
    return fill->page != NULL && (fill->refused == 0 || (fill->answered | fill->refused) != ASKED_FOR(fill));
}

bool fills_under_way(const struct protocol *protocol, struct region region)
{
    for (uint32_t i = 0; protocol->fill_count && i < MAX_FILLS; i++)
        if (under_way(&protocol->fills[i]) && region_has(region, protocol->fills[i].page->va))
            return true;
    return false;
}

bool fills_in(const struct protocol *protocol, struct region region)
{
    for (uint32_t i = 0; protocol->fill_count && i < MAX_FILLS; i++)
        if (protocol->fills[i].page != NULL && region_has(region, protocol->fills[i].page->va))
            return true;
    return false;
}

static void send_segments(struct protocol *protocol, const struct fill *fill, uint8_t segments)
{
    for (uint32_t segment = 0; segment < SEGMENTS; segment++) {
        if (!(segments & 1U << segment))
            continue;
        uint32_t length = fill->upgrade ? 0 : SEGMENT_SIZE;
        struct message message = {.opcode = fill->opcode,
                                  .qp = protocol->options.first_qp + QP_FILL,
                                  .psn = (fill->psn + segment) & PSN_MASK,
                                  .va = fill->page->va + segment * SEGMENT_SIZE,
                                  .rkey = protocol->options.domain,
                                  .length = length,
                                  .payload_length = length};
        send_message(protocol, &message);
    }
}

static void schedule(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    fill->send_at = now + retransmit_wait(protocol, fill->tries);
    wake_by(protocol, fill->send_at);
}

/* Forgets every answer and takes new PSNs, so that an answer to the old ones can not be mistaken for one to these. */
static void renumber(struct protocol *protocol, struct fill *fill)
{
    fill->psn = protocol->fill_psn;
    protocol->fill_psn = (protocol->fill_psn + SEGMENTS) & PSN_MASK;
    fill->answered = fill->refused = 0;
    fill->permission = PERM_MODIFIED;
    fill->version = fill->pending_version = fill->clear_version = fill->grant_version = 0;
    fill->pending = fill->clear = fill->granted = false;
}

/* Fills that only wait for a retry move their PSNs out of the way; false when one that does not is too old. */
static bool window_open(struct protocol *protocol)
{
    for (uint32_t i = 0; i < MAX_FILLS; i++) {
        struct fill *fill = &protocol->fills[i];
        if (fill->page == NULL || psn_distance(fill->psn, protocol->fill_psn) < OLD_PSN)
            continue;
        if (!under_way(fill) && fill->answered == 0) {
            renumber(protocol, fill);
            fill->refused = ASKED_FOR(fill);
        } else if (psn_distance(fill->psn, protocol->fill_psn) + SEGMENTS > PSN_WINDOW) {
            return false;
        }
    }
    return true;
}

static struct fill *free_fill(struct protocol *protocol)
{
    for (uint32_t i = 0; protocol->fill_count < MAX_FILLS && i < MAX_FILLS; i++)
        if (protocol->fills[i].page == NULL)
            return &protocol->fills[i];
    return NULL;
}

bool fill_start(struct protocol *protocol, struct page *page, bool write, uint64_t now)
{
    bool upgrade = page->state == PAGE_SHARED;
    struct fill *fill = free_fill(protocol);
    if (fill == NULL || !window_open(protocol) || (!upgrade && !cache_make_room(protocol, now)))
        return false;
    if (region_blocked(protocol, page->va)) /* making room gave back the very region */
        return false;
    memset(fill, 0, sizeof(*fill));
    fill->page = page;
    fill->upgrade = upgrade;
    fill->opcode = write ? OPCODE_GET_MODIFIED : OPCODE_GET_SHARED;
    fill->started = page->wanted_at;
    fill->heard = now;
    fill->busy_at = NEVER;
    fill->reset_at = now + protocol->options.times.reset;
    page->fill = (uint8_t)(fill - protocol->fills + 1);
    protocol->fill_count++;
    protocol->loading += !upgrade;
    renumber(protocol, fill);
    send_segments(protocol, fill, ASKED_FOR(fill));
    schedule(protocol, fill, now);
    return true;
}

static void fill_end(struct protocol *protocol, struct fill *fill)
{
    fill->page->fill = 0;
    protocol->fill_count--;
    protocol->loading -= !fill->upgrade;
    fill->page = NULL;
}

static void fill_fail(struct protocol *protocol, struct fill *fill, enum failure reason, uint64_t now)
{
    struct page *page = fill->page;
    fill_end(protocol, fill);
    fail_page(protocol, page, reason);
    revocation_reconsider(protocol, page->va, now);
}

static void install(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    struct page *page = fill->page;
    bool modified = fill->permission == PERM_MODIFIED;
    bool write = modified && fill->opcode == OPCODE_GET_MODIFIED;
    struct action action = {.kind = ACTION_INSTALL,
                            .va = page->va,
                            .writable = write,
                            .started = fill->started,
                            .data = protocol->staging[fill - protocol->fills]};
    page->state = modified ? PAGE_MODIFIED : PAGE_SHARED;
    page->flags &= (uint8_t) ~(PAGE_WANTED | PAGE_EVICT);
    page->flags |= (uint8_t)(write ? PAGE_WRITABLE | PAGE_DIRTY : 0);
    page_hold(&protocol->table, page);
    /* All counting comes before the action: the thread that it wakes may look at once. */
    protocol->stats->cached_pages = protocol->table.held;
    protocol->stats->fills++;
    protocol->stats->dirty_pages += write;
    page->installed_us = (uint32_t)(now / 1000);
    protocol->perform(protocol->context, &action);
}

/* UPGRADE was granted. */
static void make_writable(struct protocol *protocol, struct page *page, uint64_t now)
{
    page->state = PAGE_MODIFIED;
    page->flags = (uint8_t)((page->flags & ~PAGE_WANTED) | PAGE_WRITABLE | PAGE_DIRTY);
    page_used(protocol, page);
    page->installed_us = (uint32_t)(now / 1000);
    protocol->stats->upgrades++;
    protocol->stats->dirty_pages++;
    act(protocol, ACTION_UNPROTECT, page->va);
}

static void learn(struct fill *fill, uint8_t region_log2, uint16_t version)
{
    if (fill->answered == 0 || version_older(fill->version, version))
        fill->version = version;
    fill->region_log2 = region_log2;
}

static bool acknowledged(const struct fill *fill)
{
    if (!fill->pending)
        return true;
    if (fill->granted && fill->grant_version == fill->pending_version)
        return true;
    return fill->clear && !version_older(fill->clear_version, fill->pending_version);
}

static void finish_if_complete(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    struct page *page = fill->page;
    if (fill->answered != ASKED_FOR(fill) || !acknowledged(fill))
        return;
    page->grant_version = fill->version;
    page->region_log2 = fill->region_log2;
    if (fill->upgrade)
        make_writable(protocol, page, now);
    else
        install(protocol, fill, now);
    fill_end(protocol, fill);
    revocation_reconsider(protocol, page->va, now);
}

static struct fill *fill_of(struct protocol *protocol, uint32_t psn, uint32_t *segment)
{
    for (uint32_t i = 0; i < MAX_FILLS; i++) {
        struct fill *fill = &protocol->fills[i];
        *segment = psn_distance(fill->psn, psn);
        if (fill->page != NULL && *segment < SEGMENTS && (ASKED_FOR(fill) >> *segment & 1U))
            return fill;
    }
    return NULL;
}

static void told_to_wait(struct protocol *protocol, struct fill *fill, uint32_t segment, uint64_t now)
{
    protocol->stats->receiver_not_ready++;
    if (fill->refused == 0) {
        fill->busy_at = now + busy_wait(protocol, fill->busy_tries);
        fill->busy_tries += fill->busy_tries < UINT8_MAX;
        wake_by(protocol, fill->busy_at);
    }
    fill->refused |= (uint8_t)(1U << segment);
    revocation_reconsider(protocol, fill->page->va, now);
}

/* One segment came. */
static void take_segment(struct protocol *protocol, struct fill *fill, uint32_t segment,
                         const struct message *message, uint64_t now)
{
    const struct coherent_answer *answer = &message->answer;
    learn(fill, answer->region_log2, answer->version);
    if (answer->permission != PERM_MODIFIED)
        fill->permission = PERM_SHARED;
    if (answer->pending) {
        if (!fill->pending || version_older(fill->pending_version, answer->version))
            fill->pending_version = answer->version;
        fill->pending = true;
    } else if (answer->permission == PERM_MODIFIED || fill->opcode == OPCODE_GET_SHARED) {
        fill->clear = true;
        fill->clear_version = answer->version;
    }
    memcpy(protocol->staging[fill - protocol->fills] + segment * SEGMENT_SIZE, message->payload, SEGMENT_SIZE);
    fill->answered |= (uint8_t)(1U << segment);
    fill->refused &= (uint8_t) ~(1U << segment);
    fill->reset_at = now + protocol->options.times.reset;
}

/* An answer to a segment that has its data already: it may still tell that all acknowledgements are in. */
static void take_repeated(struct fill *fill, const struct coherent_answer *answer)
{
    if (!answer->pending && (answer->permission == PERM_MODIFIED || fill->opcode == OPCODE_GET_SHARED)) {
        fill->clear = true;
        fill->clear_version = answer->version;
    }
}

static bool plausible(const struct message *message)
{
    const struct coherent_answer *answer = &message->answer;
    return message->payload_length == SEGMENT_SIZE && answer->region_log2 >= PAGE_LOG2 &&
           answer->region_log2 <= LARGEST_REGION_LOG2 &&
           (answer->permission == PERM_SHARED || answer->permission == PERM_MODIFIED);
}

static void receive_data(struct protocol *protocol, struct fill *fill, uint32_t segment,
                         const struct message *message, uint64_t now)
{
    if (fill->upgrade || message->syndrome != SYNDROME_ACK || !plausible(message)) {
        protocol->stats->malformed++;
        return;
    }
    if (fill->answered >> segment & 1U)
        take_repeated(fill, &message->answer);
    else
        take_segment(protocol, fill, segment, message, now);
    finish_if_complete(protocol, fill, now);
}

void fill_receive(struct protocol *protocol, const struct message *message, uint64_t now)
{
    uint32_t segment;
    struct fill *fill = fill_of(protocol, message->psn, &segment);
    if (fill == NULL) {
        protocol->stats->stale++;
        return;
    }
    fill->heard = now;
    if (message->opcode == OPCODE_RDMA_READ_RESPONSE_ONLY) {
        receive_data(protocol, fill, segment, message, now);
    } else if (message->syndrome == SYNDROME_RNR_NAK) {
        if (!(fill->answered >> segment & 1U))
            told_to_wait(protocol, fill, segment, now);
    } else if (message->syndrome >= SYNDROME_NAK_SEQUENCE) {
        protocol->stats->refused++;
        fill_fail(protocol, fill, failure_of(message->syndrome), now);
    }
}

static void grant_one(struct protocol *protocol, struct fill *fill, const struct coherence *grant, uint64_t now)
{
    if (fill->upgrade) {
        if (!(grant->flags & COH_MODIFIED) || version_older(grant->version, fill->page->grant_version) ||
            fill->page->state != PAGE_SHARED || revocation_serves(protocol, fill->page->va))
            return;
        learn(fill, grant->region_log2, grant->version);
        fill->answered = ASKED_FOR(fill);
    }
    fill->granted = true;
    fill->grant_version = grant->version;
    fill->heard = now;
    finish_if_complete(protocol, fill, now);
}

/* A GRANT is about the region: every fill in it whose answers were pending under that version has waited for it. */
void fill_grant(struct protocol *protocol, const struct message *message, uint64_t now)
{
    const struct coherence *grant = &message->coherence;
    if (grant->region_log2 < PAGE_LOG2 || grant->region_log2 > LARGEST_REGION_LOG2) {
        protocol->stats->malformed++;
        return;
    }
    struct region region = region_of(grant->va, grant->region_log2);
    for (uint32_t i = 0; protocol->fill_count && i < MAX_FILLS; i++)
        if (protocol->fills[i].page != NULL && region_has(region, protocol->fills[i].page->va))
            grant_one(protocol, &protocol->fills[i], grant, now);
}

/* An invalidation is being served: what has come so far may be old, and nothing may be installed before its end. */
void fills_void(struct protocol *protocol, struct region region, uint64_t now)
{
    for (uint32_t i = 0; protocol->fill_count && i < MAX_FILLS; i++) {
        struct fill *fill = &protocol->fills[i];
        if (fill->page == NULL || !region_has(region, fill->page->va))
            continue;
        protocol->stats->voided += under_way(fill);
        renumber(protocol, fill);
        fill->refused = ASKED_FOR(fill);
        fill->busy_at = now + busy_wait(protocol, 0);
        fill->reset_at = now + protocol->options.times.reset;
        wake_by(protocol, fill->busy_at);
    }
}

/* The copy is gone, or the directory does not seem to know it: the page is asked for and not only the right. */
static void give_up_upgrade(struct protocol *protocol, struct fill *fill)
{
    if (fill->page->state != PAGE_NONE)
        cache_drop(protocol, fill->page);
    fill->upgrade = false;
    protocol->loading++;
    renumber(protocol, fill);
    fill->refused = ALL_SEGMENTS;
}

static void try_again(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    if (fill->upgrade && (fill->page->state == PAGE_NONE || fill->busy_tries >= UPGRADE_PATIENCE))
        give_up_upgrade(protocol, fill);
    uint8_t segments = fill->refused;
    fill->refused = 0;
    fill->busy_at = NEVER;
    fill->tries = 0;
    send_segments(protocol, fill, segments);
    schedule(protocol, fill, now);
}

/* Nobody answers for the region, or it has been busy for so long that what it waits for must be lost (a late copy of
 * a request can open a transaction that no requester cares about any more). The control plane takes the region from
 * whoever has it. RESET itself is not answered. */
static void ask_for_reset(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    struct message message = {.opcode = OPCODE_RESET, .qp = protocol->options.first_qp + QP_CONTROL};
    message.coherence.va = fill->page->va;
    message.coherence.region_log2 = fill->page->region_log2;
    send_message(protocol, &message);
    protocol->stats->resets++;
    fill->reset_at = now + protocol->options.times.reset;
}

static void retransmit(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    uint8_t missing = (uint8_t)(ASKED_FOR(fill) & ~fill->answered & ~fill->refused);
    /* In a transaction only the page's first segment makes the switch repeat its INVALIDATE; and where all data is
     * here but GRANT is not, its answer will tell. */
    if (fill->refused == 0)
        missing |= 1;
    fill->tries += fill->tries < UINT8_MAX;
    protocol->stats->retransmissions += (uint64_t)__builtin_popcount(missing);
    send_segments(protocol, fill, missing);
    schedule(protocol, fill, now);
}

static bool too_long(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    uint64_t give_up = protocol->options.times.give_up;
    if (now - fill->heard >= give_up)
        fill_fail(protocol, fill, FAILURE_SILENCE, now);
    else if (now - fill->started >= 4 * give_up)
        fill_fail(protocol, fill, FAILURE_BUSY, now);
    return fill->page == NULL;
}

static void tick_one(struct protocol *protocol, struct fill *fill, uint64_t now)
{
    if (too_long(protocol, fill, now))
        return;
    if (now >= fill->busy_at && !region_blocked(protocol, fill->page->va))
        try_again(protocol, fill, now);
    else if (now >= fill->busy_at)
        fill->busy_at = now + busy_wait(protocol, 0);
    if (now >= fill->reset_at)
        ask_for_reset(protocol, fill, now);
    if (now >= fill->send_at)
        retransmit(protocol, fill, now);
    wake_by(protocol, fill->send_at < fill->busy_at ? fill->send_at : fill->busy_at);
}

void fill_tick(struct protocol *protocol, uint64_t now)
{
    for (uint32_t i = 0; protocol->fill_count && i < MAX_FILLS; i++)
        if (protocol->fills[i].page != NULL)
            tick_one(protocol, &protocol->fills[i], now);
}
