/* Revocations: an INVALIDATE takes copies away, after the data that only this blade has is safe. */
#include <string.h>

#include "parts.h"

/* An INVALIDATE that looks old this many times in a row is served: versions wrap, and serving one too many only
 * costs time. */
#define STALE_PATIENCE 3U

static struct revocation *revocation_of(struct protocol *protocol, uint64_t va)
{
    for (uint32_t i = 0; protocol->revocation_count && i < MAX_REVOCATIONS; i++)
        if (protocol->revocations[i].phase != REVOCATION_FREE && region_has(protocol->revocations[i].region, va))
            return &protocol->revocations[i];
    return NULL;
}

/* Whether copies of the address's region are being taken away now. */
bool revocation_serves(struct protocol *protocol, uint64_t va)
{
    const struct revocation *revocation = revocation_of(protocol, va);
    return revocation != NULL && revocation->phase == REVOCATION_WRITING;
}

static struct revocation *free_revocation(struct protocol *protocol)
{
    for (uint32_t i = 0; protocol->revocation_count < MAX_REVOCATIONS && i < MAX_REVOCATIONS; i++)
        if (protocol->revocations[i].phase == REVOCATION_FREE)
            return &protocol->revocations[i];
    return NULL;
}

static void acknowledge(struct protocol *protocol, const struct coherence *invalidate, bool kept, uint32_t false_pages)
{
    struct message message = {
        .opcode = OPCODE_INVALIDATE_ACK, .qp = protocol->options.first_qp + QP_CONTROL, .coherence = *invalidate};
    message.coherence.flags = kept ? COH_KEPT : 0;
    message.coherence.false_pages = false_pages < UINT8_MAX ? (uint8_t)false_pages : UINT8_MAX;
    send_message(protocol, &message);
}

/* Memory has the page as well: the switch reads it there for the requester. */
static void push_empty(struct protocol *protocol, const struct coherence *invalidate)
{
    protocol->stats->empty_pushes++;
    for (uint32_t segment = 0; segment < SEGMENTS; segment++) {
        struct message message = {.opcode = OPCODE_PUSH_EMPTY,
                                  .qp = protocol->options.first_qp + QP_CONTROL,
                                  .va = invalidate->page + segment * SEGMENT_SIZE,
                                  .rkey = protocol->options.domain,
                                  .length = SEGMENT_SIZE,
                                  .coherence = *invalidate,
                                  .payload_length = SEGMENT_SIZE};
        send_message(protocol, &message);
    }
}

/* Gives up a page that is here, or keeps it for reading. */
static bool yield_page(struct protocol *protocol, const struct revocation *revocation, struct page *page)
{
    bool keep = revocation->coherence.flags & COH_DOWNGRADE;
    if (page->state == PAGE_NONE)
        return false;
    if (!keep) {
        cache_drop(protocol, page);
        return false;
    }
    page->state = PAGE_SHARED;
    page->grant_version = revocation->coherence.version;
    return true;
}

static void release_revocation(struct protocol *protocol, struct revocation *revocation)
{
    revocation->phase = REVOCATION_FREE;
    protocol->revocation_count--;
}

/* A page that loses something although another one of its region was asked for: the region is larger than its use. */
static bool falsely_invalidated(const struct revocation *revocation, const struct page *page)
{
    if (page->state == PAGE_NONE || page->va == revocation->coherence.page)
        return false;
    return !(revocation->coherence.flags & COH_DOWNGRADE) || page->state == PAGE_MODIFIED;
}

static void finish(struct protocol *protocol, struct revocation *revocation, uint64_t now)
{
    const struct coherence invalidate = revocation->coherence;
    const struct region region = revocation->region;
    bool kept = false;
    uint32_t false_pages = 0;
    uint64_t cursor = region.va;
    for (struct page *page; (page = region_next(&protocol->table, region, &cursor)) != NULL;) {
        false_pages += falsely_invalidated(revocation, page);
        kept |= yield_page(protocol, revocation, page);
    }
    cursor = region.va;
    for (struct page *page; (page = region_next(&protocol->table, region, &cursor)) != NULL;) {
        page->served = kept ? SERVED | SERVED_KEPT : SERVED;
        page->served_version = invalidate.version;
        page->region_log2 = invalidate.region_log2;
    }
    acknowledge(protocol, &invalidate, kept, false_pages);
    protocol->stats->invalidations++;
    protocol->stats->false_invalidations += false_pages;
    release_revocation(protocol, revocation);
    region_settle(protocol, region, now);
}

/* The directory did not take the data: it has moved on without this blade. Nothing is given up. */
static void abandon(struct protocol *protocol, struct revocation *revocation, uint64_t now)
{
    struct region region = revocation->region;
    release_revocation(protocol, revocation);
    region_settle(protocol, region, now);
}

static bool asked_for(const struct revocation *revocation, const struct page *page)
{
    return !(revocation->coherence.flags & COH_NO_PAGE) && page->va == revocation->coherence.page;
}

/* Starts what a page still needs before it can go; true when there is nothing left to wait for. */
static bool page_safe(struct protocol *protocol, struct revocation *revocation, struct page *page, uint64_t now)
{
    bool push = asked_for(revocation, page) && !revocation->pushed && page->state == PAGE_MODIFIED;
    if (page->write)
        return false;
    if (!push && !(page->flags & PAGE_DIRTY))
        return true;
    if (write_back_start(protocol, page, push ? &revocation->coherence : NULL, now))
        revocation->pushed |= push;
    return false;
}

static void advance(struct protocol *protocol, struct revocation *revocation, uint64_t now)
{
    bool safe = true;
    uint64_t cursor = revocation->region.va;
    for (struct page *page; !revocation->refused && (page = region_next(&protocol->table, revocation->region, &cursor));)
        safe &= page_safe(protocol, revocation, page, now);
    if (revocation->refused)
        abandon(protocol, revocation, now);
    else if (safe)
        finish(protocol, revocation, now);
}

static void begin(struct protocol *protocol, struct revocation *revocation, uint64_t now)
{
    const struct coherence *invalidate = &revocation->coherence;
    struct page *page = page_find(&protocol->table, invalidate->page);
    revocation->phase = REVOCATION_WRITING;
    revocation->pushed = false;
    fills_void(protocol, revocation->region, now);
    if (!(invalidate->flags & COH_NO_PAGE) && (page == NULL || page->state != PAGE_MODIFIED)) {
        push_empty(protocol, invalidate);
        revocation->pushed = true;
    }
    advance(protocol, revocation, now);
}

/* Until when the region's newest page is left to the access that asked for it. */
static uint64_t held_until(struct protocol *protocol, struct region region, uint64_t now)
{
    uint32_t hold = (uint32_t)(protocol->options.times.hold / 1000);
    uint32_t least = hold;
    uint64_t cursor = region.va;
    for (struct page *page; (page = region_next(&protocol->table, region, &cursor)) != NULL;) {
        uint32_t age = (uint32_t)(now / 1000) - page->installed_us;
        if (page->state != PAGE_NONE && age < least)
            least = age;
    }
    return now + (uint64_t)(hold - least) * 1000;
}

enum verdict { SERVE, REPEAT, IGNORE };

/* Whether the INVALIDATE is news, was served before, or belongs to a transaction that is over. */
static enum verdict judge(struct protocol *protocol, const struct coherence *invalidate, struct region region,
                          bool *kept)
{
    bool held = false;
    bool served = false;
    uint64_t cursor = region.va;
    for (struct page *page; (page = region_next(&protocol->table, region, &cursor)) != NULL;) {
        if (page->state != PAGE_NONE && version_older(page->grant_version, invalidate->version))
            return SERVE;
        held |= page->state != PAGE_NONE;
        if (page->served && page->served_version == invalidate->version) {
            served = true;
            *kept |= (page->served & SERVED_KEPT) != 0;
        }
    }
    if (served)
        return REPEAT;
    return held ? IGNORE : SERVE;
}

/* A page may have come meanwhile, under a grant that is newer than the INVALIDATE: then that was a late one. */
static void begin_unless_stale(struct protocol *protocol, struct revocation *revocation, uint64_t now)
{
    bool kept = false;
    enum verdict verdict = judge(protocol, &revocation->coherence, revocation->region, &kept);
    if (verdict == SERVE || revocation->insisted) {
        begin(protocol, revocation, now);
        return;
    }
    if (verdict == REPEAT)
        acknowledge(protocol, &revocation->coherence, kept, 0);
    protocol->stats->stale += verdict == IGNORE;
    abandon(protocol, revocation, now);
}

/* Begins a deferred revocation if its time has come, else says when to look again. */
static void consider(struct protocol *protocol, struct revocation *revocation, uint64_t now)
{
    uint64_t latest = revocation->arrived + protocol->options.times.defer;
    uint64_t at = held_until(protocol, revocation->region, now);
    if (fills_under_way(protocol, revocation->region))
        at = latest;
    revocation->begin_at = at < latest ? at : latest;
    if (now >= revocation->begin_at)
        begin_unless_stale(protocol, revocation, now);
    else
        wake_by(protocol, revocation->begin_at);
}

/* A fill of the region ended or was told to wait. */
void revocation_reconsider(struct protocol *protocol, uint64_t va, uint64_t now)
{
    struct revocation *revocation = revocation_of(protocol, va);
    if (revocation != NULL && revocation->phase == REVOCATION_DEFERRED)
        consider(protocol, revocation, now);
}

/* A write-back of the region ended. Where a PUSH was refused because the control plane took the region over, the
 * newer INVALIDATE is here or on its way, and the page goes by WRITE. */
void revocation_progress(struct protocol *protocol, const struct write_back *ended, uint64_t now)
{
    struct revocation *revocation = revocation_of(protocol, ended->page->va);
    if (revocation == NULL || revocation->phase != REVOCATION_WRITING)
        return;
    revocation->refused |= ended->refused && ended->push && ended->coherence.version == revocation->coherence.version;
    advance(protocol, revocation, now);
}

/* Revocations of other regions may have waited for a free write-back. */
void revocation_tick(struct protocol *protocol, uint64_t now)
{
    for (uint32_t i = 0; protocol->revocation_count && i < MAX_REVOCATIONS; i++) {
        struct revocation *revocation = &protocol->revocations[i];
        if (revocation->phase == REVOCATION_WRITING)
            advance(protocol, revocation, now);
        else if (revocation->phase == REVOCATION_DEFERRED)
            consider(protocol, revocation, now);
    }
}

static bool ignored_too_often(struct protocol *protocol, const struct coherence *invalidate)
{
    if (protocol->stale.region_va != invalidate->va || protocol->stale.version != invalidate->version) {
        protocol->stale.region_va = invalidate->va;
        protocol->stale.version = invalidate->version;
        protocol->stale.count = 0;
    }
    return ++protocol->stale.count > STALE_PATIENCE;
}

static void defer(struct protocol *protocol, const struct coherence *invalidate, struct region region, bool insisted,
                  uint64_t now)
{
    struct revocation *revocation = free_revocation(protocol);
    if (revocation == NULL) {
        protocol->stats->unexpected++; /* the requester asks again */
        return;
    }
    memset(revocation, 0, sizeof(*revocation));
    revocation->phase = REVOCATION_DEFERRED;
    revocation->insisted = insisted;
    revocation->arrived = now;
    revocation->region = region;
    revocation->coherence = *invalidate;
    protocol->revocation_count++;
    consider(protocol, revocation, now);
}

static bool plausible(const struct coherence *invalidate)
{
    if (invalidate->region_log2 < PAGE_LOG2 || invalidate->region_log2 > LARGEST_REGION_LOG2)
        return false;
    struct region region = region_of(invalidate->va, invalidate->region_log2);
    if (region.va != invalidate->va || region.end < region.va)
        return false;
    return (invalidate->flags & COH_NO_PAGE) ||
           (region_has(region, invalidate->page) && invalidate->page % PAGE_BYTES == 0);
}

/* An INVALIDATE for a region that is being served: the same again, or the next transaction's. */
static void repeated(struct protocol *protocol, struct revocation *revocation, const struct coherence *invalidate,
                     uint64_t now)
{
    if (version_older(invalidate->version, revocation->coherence.version)) {
        protocol->stats->stale++;
        return;
    }
    bool newer = invalidate->version != revocation->coherence.version;
    revocation->coherence = *invalidate;
    if (revocation->phase != REVOCATION_WRITING)
        return;
    if (newer)
        begin(protocol, revocation, now);
    else
        write_back_redirect(protocol, invalidate, now);
}

void revocation_receive(struct protocol *protocol, const struct message *message, uint64_t now)
{
    const struct coherence *invalidate = &message->coherence;
    if (!plausible(invalidate)) {
        protocol->stats->malformed++;
        return;
    }
    struct region region = region_of(invalidate->va, invalidate->region_log2);
    struct revocation *running = revocation_of(protocol, invalidate->va);
    if (running != NULL) {
        repeated(protocol, running, invalidate, now);
        return;
    }
    bool kept = false;
    enum verdict verdict = judge(protocol, invalidate, region, &kept);
    bool insisted = verdict == IGNORE && ignored_too_often(protocol, invalidate);
    if (verdict == SERVE || insisted)
        defer(protocol, invalidate, region, insisted, now);
    else if (verdict == REPEAT)
        acknowledge(protocol, invalidate, kept, 0);
    else
        protocol->stats->stale++;
}
