/* The bounded local copies: who goes when room is needed, and how a region is given back. */
#include <string.h>

#include "parts.h"

#define CLOCK_STEPS 256U       /* of one search for a victim */
#define PROBATION_STEP 4U      /* pages that one event puts on probation, at most */
#define LARGEST_RESERVE 64U    /* pages kept free ahead of faults, at most */

/* The page is not here any more. */
void cache_drop(struct protocol *protocol, struct page *page)
{
    protocol->stats->dirty_pages -= (page->flags & PAGE_DIRTY) != 0;
    page->state = PAGE_NONE;
    page->flags &= (uint8_t) ~(PAGE_WRITABLE | PAGE_DIRTY | PAGE_EVICT);
    page_used(protocol, page);
    page_release(&protocol->table, page);
    protocol->stats->cached_pages = protocol->table.held;
    act(protocol, ACTION_DROP, page->va);
}

static bool idle(const struct page *page)
{
    return page != NULL && !page->fill && !page->write && !(page->flags & PAGE_WANTED);
}

/* Not a page that has just come: the access that it came for may not have happened yet. */
static bool may_go(const struct protocol *protocol, const struct page *page, uint64_t now)
{
    uint32_t age_us = (uint32_t)(now / 1000) - page->installed_us;
    return age_us >= protocol->options.times.hold / 1000 && !region_blocked(protocol, page->va);
}

/* Nobody tells of accesses to a page that is mapped. So a page on probation is hidden: it stays here, and the fault of
 * its next access shows that it is in use. */
static void put_on_probation(struct protocol *protocol)
{
    for (uint32_t step = 0; step < CLOCK_STEPS; step++) {
        struct page *page = clock_front(&protocol->table);
        if (!idle(page) || (page->flags & PAGE_PROBATION))
            continue;
        page->flags |= PAGE_PROBATION;
        protocol->table.probation++;
        act(protocol, ACTION_HIDE, page->va);
        return;
    }
}

void page_used(struct protocol *protocol, struct page *page)
{
    protocol->table.probation -= (page->flags & PAGE_PROBATION) != 0;
    page->flags &= (uint8_t)~PAGE_PROBATION;
}

static struct page *find_victim(struct protocol *protocol, uint64_t now)
{
    for (uint32_t step = 0; step < CLOCK_STEPS; step++) {
        if (protocol->table.probation == 0)
            put_on_probation(protocol);
        struct page *page = clock_back(&protocol->table);
        if (idle(page) && (page->flags & PAGE_PROBATION) && may_go(protocol, page, now))
            return page;
    }
    return NULL;
}

static void give_up(struct protocol *protocol, struct page *page, uint64_t now)
{
    protocol->stats->evictions++;
    cache_drop(protocol, page);
    release_consider(protocol, page_region(page), now);
}

/* Begins to evict one page; false when none can go now. */
static bool evict_one(struct protocol *protocol, uint64_t now)
{
    struct page *page = find_victim(protocol, now);
    if (page == NULL)
        return false;
    if (!(page->flags & PAGE_DIRTY)) {
        give_up(protocol, page, now);
        return true;
    }
    if (!write_back_start(protocol, page, NULL, now))
        return false;
    page->flags |= PAGE_EVICT;
    return true;
}

static uint32_t in_use(const struct protocol *protocol)
{
    return protocol->table.held + protocol->loading;
}

bool cache_make_room(struct protocol *protocol, uint64_t now)
{
    uint32_t capacity = protocol->options.capacity;
    for (uint32_t tries = 0; in_use(protocol) >= capacity && tries < MAX_WRITES; tries++)
        if (!evict_one(protocol, now))
            break;
    return in_use(protocol) < capacity;
}

/* As the cache gets full, a quarter of it comes on probation, little by little. */
static void balance_probation(struct protocol *protocol)
{
    uint32_t most = protocol->options.capacity / 4;
    uint32_t used = in_use(protocol) + most;
    uint32_t wanted = used > protocol->options.capacity ? used - protocol->options.capacity : 0;
    wanted = wanted < most ? wanted : most;
    for (uint32_t turn = 0; turn < PROBATION_STEP && protocol->table.probation < wanted; turn++)
        put_on_probation(protocol);
}

/* Keeps a few slots free, so that a fault seldom waits for a write-back. */
void cache_balance(struct protocol *protocol, uint64_t now)
{
    uint32_t capacity = protocol->options.capacity;
    uint32_t reserve = capacity / 16 < LARGEST_RESERVE ? capacity / 16 : LARGEST_RESERVE;
    balance_probation(protocol);
    while (in_use(protocol) + reserve > capacity + protocol->write_count)
        if (!evict_one(protocol, now))
            return;
}

/* A write-back ended. */
void cache_written(struct protocol *protocol, struct page *page, uint64_t now)
{
    bool evict = (page->flags & PAGE_EVICT) && !(page->flags & (PAGE_WANTED | PAGE_DIRTY));
    page->flags &= (uint8_t)~PAGE_EVICT;
    if (evict && page->state != PAGE_NONE && !region_blocked(protocol, page->va))
        give_up(protocol, page, now);
    page_settle(protocol, page, now);
}

static bool drain_page(struct protocol *protocol, struct page *page, uint64_t now)
{
    const struct drain *drain = &protocol->drain;
    if (page == NULL || !region_has(drain->range, page->va))
        return true;
    if (page->write || page->fill || region_blocked(protocol, page->va))
        return false;
    if (page->flags & PAGE_DIRTY) {
        if (write_back_start(protocol, page, NULL, now) && drain->give_up_pages)
            page->flags |= PAGE_EVICT;
        return false;
    }
    if (drain->give_up_pages)
        give_up(protocol, page, now);
    return true;
}

static bool anything_in(const struct protocol *protocol, struct region range)
{
    for (uint32_t i = 0; protocol->table.held && i < protocol->table.capacity; i++)
        if (protocol->table.slots[i] != NULL && region_has(range, protocol->table.slots[i]->va))
            return true;
    for (uint32_t i = 0; i < MAX_WRITES; i++)
        if (protocol->writes[i].page != NULL && region_has(range, protocol->writes[i].page->va))
            return true;
    for (uint32_t i = 0; i < MAX_RELEASES; i++)
        if (protocol->releases[i].active && protocol->releases[i].region.va < range.end &&
            range.va < protocol->releases[i].region.end)
            return true;
    return fills_in(protocol, range);
}

static bool starts_nothing_new(const struct protocol *protocol)
{
    return protocol->write_count == MAX_WRITES;
}

/* One pass over the slots: a page dirtied behind the cursor was dirtied after the drain began. */
void cache_drain(struct protocol *protocol, uint64_t now)
{
    struct drain *drain = &protocol->drain;
    uint32_t slots = protocol->table.capacity;
    uint32_t first_unsafe = slots;
    for (uint32_t slot = drain->cursor; slot < slots && !starts_nothing_new(protocol); slot++)
        if (!drain_page(protocol, protocol->table.slots[slot], now) && slot < first_unsafe)
            first_unsafe = slot;
    if (starts_nothing_new(protocol) && first_unsafe == slots)
        return;
    drain->cursor = first_unsafe;
    drain->active = first_unsafe != slots || (drain->give_up_pages && anything_in(protocol, drain->range));
    if (drain->active && first_unsafe == slots)
        drain->cursor = 0;
    if (drain->active)
        wake_by(protocol, now + protocol->options.times.busy_most);
}

/* The newest version that any page of the region has seen. */
static bool newest_version(struct protocol *protocol, struct region region, uint16_t *version)
{
    bool known = false;
    uint64_t cursor = region.va;
    for (struct page *page; (page = region_next(&protocol->table, region, &cursor)) != NULL;) {
        if (page->region_log2 == 0)
            continue;
        uint16_t of_page = page->grant_version;
        if (page->served && version_older(of_page, page->served_version))
            of_page = page->served_version;
        if (!known || version_older(*version, of_page))
            *version = of_page;
        known = true;
    }
    return known;
}

static struct release *free_release(struct protocol *protocol)
{
    for (uint32_t i = 0; protocol->release_count < MAX_RELEASES && i < MAX_RELEASES; i++)
        if (!protocol->releases[i].active)
            return &protocol->releases[i];
    return NULL;
}

static void send_evict(struct protocol *protocol, struct release *release, uint64_t now)
{
    struct message message = {.opcode = OPCODE_EVICT,
                              .qp = protocol->options.first_qp + QP_CONTROL,
                              .psn = release->psn,
                              .va = release->region.va,
                              .coherence = release->coherence};
    send_message(protocol, &message);
    release->send_at = now + retransmit_wait(protocol, release->tries);
    wake_by(protocol, release->send_at);
}

/* After the last page of a region went the directory is told, once and whatever it answers: a second EVICT, with the
 * version of a first answer, could arrive late and take this blade off the list after it has fetched a page again
 * under the same version. Where the blade stays on the list, an INVALIDATE too many comes some day. */
void release_consider(struct protocol *protocol, struct region region, uint64_t now)
{
    uint16_t version;
    struct release *release = free_release(protocol);
    if (release == NULL || region_held(&protocol->table, region) || fills_in(protocol, region) ||
        region_blocked(protocol, region.va) || !newest_version(protocol, region, &version))
        return;
    uint8_t log2 = (uint8_t)__builtin_ctzll(region.end - region.va);
    *release = (struct release){.active = true, .region = region, .started = now, .psn = protocol->control_psn};
    release->coherence = (struct coherence){.va = region.va, .region_log2 = log2, .version = version};
    protocol->control_psn = (protocol->control_psn + 1) & PSN_MASK;
    protocol->release_count++;
    protocol->stats->releases++;
    send_evict(protocol, release, now);
}

static void release_end(struct protocol *protocol, struct release *release, uint64_t now)
{
    release->active = false;
    protocol->release_count--;
    region_settle(protocol, release->region, now);
}

void release_receive(struct protocol *protocol, const struct message *message, uint64_t now)
{
    for (uint32_t i = 0; protocol->release_count && i < MAX_RELEASES; i++) {
        struct release *release = &protocol->releases[i];
        if (!release->active || release->psn != message->psn || !(message->coherence.flags & COH_CONFIRM) ||
            message->qp != protocol->options.first_qp + QP_CONTROL)
            continue;
        release_end(protocol, release, now);
        return;
    }
    protocol->stats->stale++;
}

/* The rack is silent. Threads that wait for the region are told; the directory is asked on. */
static void fail_waiting(struct protocol *protocol, struct region region)
{
    uint64_t cursor = region.va;
    for (struct page *page; (page = region_next(&protocol->table, region, &cursor)) != NULL;)
        if (page->flags & PAGE_WANTED)
            fail_page(protocol, page, FAILURE_SILENCE);
}

void release_tick(struct protocol *protocol, uint64_t now)
{
    for (uint32_t i = 0; protocol->release_count && i < MAX_RELEASES; i++) {
        struct release *release = &protocol->releases[i];
        if (!release->active)
            continue;
        if (now >= release->send_at) {
            release->tries += release->tries < UINT8_MAX;
            protocol->stats->retransmissions++;
            send_evict(protocol, release, now);
        }
        if (now - release->started >= protocol->options.times.give_up)
            fail_waiting(protocol, release->region);
        wake_by(protocol, release->send_at);
    }
}
