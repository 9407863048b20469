#include <stdlib.h>
#include <string.h>

#include "parts.h"

static bool allocate(struct protocol *protocol)
{
    protocol->staging = aligned_alloc(PAGE_BYTES, (size_t)MAX_FILLS * PAGE_BYTES);
    return protocol->staging != NULL && page_table_init(&protocol->table, protocol->options.capacity + MAX_FILLS);
}

struct protocol *protocol_new(const struct protocol_options *options, struct rackmem_stats *stats,
                              perform_function perform, void *context)
{
    struct protocol *protocol = calloc(1, sizeof(*protocol));
    if (protocol == NULL)
        return NULL;
    protocol->options = *options;
    protocol->stats = stats;
    protocol->perform = perform;
    protocol->context = context;
    protocol->fill_psn = protocol->write_psn = protocol->control_psn = options->first_psn & PSN_MASK;
    protocol->random = (uint64_t)options->seed << 1 | 1;
    protocol->wake_at = NEVER;
    if (!allocate(protocol)) {
        protocol_delete(protocol);
        return NULL;
    }
    return protocol;
}

void protocol_delete(struct protocol *protocol)
{
    if (protocol == NULL)
        return;
    page_table_free(&protocol->table);
    free(protocol->staging);
    free(protocol);
}

bool protocol_map(struct protocol *protocol, uint64_t va, uint64_t length)
{
    return page_table_add(&protocol->table, va, length);
}

static void forget_waiting(struct protocol *protocol, struct region range)
{
    struct page *page = protocol->waiting_first;
    protocol->waiting_first = protocol->waiting_last = NULL;
    while (page != NULL) {
        struct page *next = page->next;
        page->flags &= (uint8_t)~PAGE_QUEUED;
        if (!region_has(range, page->va))
            page_enqueue(protocol, page);
        page = next;
    }
}

bool protocol_unmap(struct protocol *protocol, uint64_t va, uint64_t length)
{
    forget_waiting(protocol, (struct region){.va = va, .end = va + length});
    return page_table_remove(&protocol->table, va, length);
}

void act(struct protocol *protocol, uint8_t kind, uint64_t va)
{
    struct action action = {.kind = kind, .va = va};
    protocol->perform(protocol->context, &action);
}

void send_message(struct protocol *protocol, const struct message *message)
{
    struct action action = {.kind = ACTION_SEND, .va = message->va, .message = *message};
    protocol->perform(protocol->context, &action);
}

void wake_by(struct protocol *protocol, uint64_t when)
{
    if (when < protocol->wake_at)
        protocol->wake_at = when;
}

static uint64_t doubled(uint64_t first, uint64_t most, uint8_t times)
{
    uint64_t wait = times < 32 ? first << times : most;
    return wait < most ? wait : most;
}

uint64_t retransmit_wait(const struct protocol *protocol, uint8_t tries)
{
    const struct protocol_times *times = &protocol->options.times;
    return doubled(times->retransmit, times->retransmit_most, tries);
}

/* Between half and the whole of a wait that doubles, so that blades that collided once do not collide again. */
uint64_t busy_wait(struct protocol *protocol, uint8_t tries)
{
    const struct protocol_times *times = &protocol->options.times;
    uint64_t most = doubled(times->busy, times->busy_most, tries);
    protocol->random ^= protocol->random << 13;
    protocol->random ^= protocol->random >> 7;
    protocol->random ^= protocol->random << 17;
    return most / 2 + protocol->random % (most / 2 + 1);
}

enum failure failure_of(uint8_t syndrome)
{
    if (syndrome == SYNDROME_NAK_REMOTE_ACCESS)
        return FAILURE_ACCESS;
    return syndrome == SYNDROME_NAK_INVALID_REQUEST ? FAILURE_INVALID : FAILURE_REMOTE;
}

void fail_page(struct protocol *protocol, struct page *page, enum failure reason)
{
    struct action action = {.kind = ACTION_FAIL, .va = page->va, .reason = (uint8_t)reason};
    protocol->stats->failures++;
    if (page->state != PAGE_NONE)
        cache_drop(protocol, page);
    page->flags &= (uint8_t)~PAGE_WANTED;
    protocol->perform(protocol->context, &action);
}

/* Region-wide work in progress: no request for the region may start until it is done. */
bool region_blocked(const struct protocol *protocol, uint64_t va)
{
    for (uint32_t i = 0; protocol->revocation_count && i < MAX_REVOCATIONS; i++)
        if (protocol->revocations[i].phase != REVOCATION_FREE && region_has(protocol->revocations[i].region, va))
            return true;
    for (uint32_t i = 0; protocol->release_count && i < MAX_RELEASES; i++)
        if (protocol->releases[i].active && region_has(protocol->releases[i].region, va))
            return true;
    return false;
}

void page_enqueue(struct protocol *protocol, struct page *page)
{
    if (page->flags & PAGE_QUEUED)
        return;
    page->flags |= PAGE_QUEUED;
    page->next = NULL;
    if (protocol->waiting_last != NULL)
        protocol->waiting_last->next = page;
    else
        protocol->waiting_first = page;
    protocol->waiting_last = page;
}

static struct page *dequeue(struct protocol *protocol)
{
    struct page *page = protocol->waiting_first;
    protocol->waiting_first = page->next;
    if (page->next == NULL)
        protocol->waiting_last = NULL;
    page->next = NULL;
    page->flags &= (uint8_t)~PAGE_QUEUED;
    return page;
}

/* The page is here and its grant is enough. */
static void allow(struct protocol *protocol, struct page *page, uint64_t now)
{
    bool write = page->flags & PAGE_WANT_WRITE;
    page->flags &= (uint8_t) ~(PAGE_WANTED | PAGE_EVICT);
    page_used(protocol, page);
    if (write && !(page->flags & PAGE_WRITABLE)) {
        if (!(page->flags & PAGE_DIRTY))
            protocol->stats->dirty_pages++;
        page->flags |= PAGE_WRITABLE | PAGE_DIRTY;
        page->installed_us = (uint32_t)(now / 1000);
        act(protocol, ACTION_UNPROTECT, page->va);
        return;
    }
    act(protocol, ACTION_WAKE, page->va);
}

/* Begins what the threads that wait for the page need; where something is in the way, its end calls this again. */
void page_settle(struct protocol *protocol, struct page *page, uint64_t now)
{
    bool write = page->flags & PAGE_WANT_WRITE;
    if (!(page->flags & PAGE_WANTED) || page->fill || page->write)
        return;
    if (page->state == PAGE_MODIFIED && region_blocked(protocol, page->va) && write)
        return;
    if (page->state == PAGE_MODIFIED || (page->state == PAGE_SHARED && !write)) {
        allow(protocol, page, now);
        return;
    }
    if (region_blocked(protocol, page->va))
        return;
    if (!fill_start(protocol, page, write, now))
        page_enqueue(protocol, page);
}

void page_want(struct protocol *protocol, struct page *page, uint8_t wanted, uint64_t now)
{
    if (!(page->flags & PAGE_WANTED))
        page->wanted_at = now;
    page->flags |= wanted;
    page_settle(protocol, page, now);
}

void region_settle(struct protocol *protocol, struct region region, uint64_t now)
{
    uint64_t cursor = region.va;
    for (struct page *page; (page = region_next(&protocol->table, region, &cursor)) != NULL;)
        page_settle(protocol, page, now);
}

/* Pages that waited for a fill's slot or for room in the cache. */
static void run_waiting(struct protocol *protocol, uint64_t now)
{
    while (protocol->waiting_first != NULL) {
        struct page *page = dequeue(protocol);
        page_settle(protocol, page, now);
        if (!(page->flags & PAGE_QUEUED))
            continue;
        if (protocol->fill_count + protocol->write_count == 0 && now - page->wanted_at > protocol->options.times.give_up) {
            dequeue(protocol);
            fail_page(protocol, page, FAILURE_NO_ROOM);
        } else {
            wake_by(protocol, now + protocol->options.times.busy_most);
        }
        return;
    }
}

static void afterwards(struct protocol *protocol, uint64_t now)
{
    cache_balance(protocol, now);
    if (protocol->drain.active)
        cache_drain(protocol, now);
    run_waiting(protocol, now);
}

static void count_fault(struct protocol *protocol, const struct page *page, bool write)
{
    if (!write)
        protocol->stats->read_faults++;
    else if (page->state == PAGE_NONE)
        protocol->stats->write_faults++;
    else
        protocol->stats->upgrade_faults++;
}

void protocol_fault(struct protocol *protocol, uint64_t va, bool write, uint64_t now)
{
    struct page *page = page_find(&protocol->table, va);
    if (page == NULL) {
        protocol->stats->unexpected++;
        return;
    }
    count_fault(protocol, page, write);
    page_want(protocol, page, write ? PAGE_WANT_WRITE : PAGE_WANT_READ, now);
    afterwards(protocol, now);
}

void protocol_local_fault(struct protocol *protocol, uint64_t va, bool write, uint64_t now)
{
    struct page *page = page_find(&protocol->table, va);
    if (page == NULL || page->state == PAGE_NONE) {
        act(protocol, ACTION_DROP, va); /* not a copy that anybody granted */
        protocol_fault(protocol, va, write, now);
        return;
    }
    struct action action = {.kind = ACTION_REMAP, .va = page->va, .writable = page->flags & PAGE_WRITABLE};
    page_used(protocol, page);
    protocol->stats->local_faults++;
    protocol->perform(protocol->context, &action);
}

/* Answers name one of the blade's own queue pairs. */
static void receive_answer(struct protocol *protocol, const struct message *message, uint64_t now)
{
    if (message->qp == protocol->options.first_qp + QP_FILL)
        fill_receive(protocol, message, now);
    else if (message->qp == protocol->options.first_qp + QP_WRITE)
        write_back_receive(protocol, message, now);
    else
        protocol->stats->unexpected++;
}

void protocol_receive(struct protocol *protocol, const struct message *message, uint64_t now)
{
    switch (message->opcode) {
    case OPCODE_RDMA_READ_RESPONSE_ONLY:
    case OPCODE_ACKNOWLEDGE:
        receive_answer(protocol, message, now);
        break;
    case OPCODE_INVALIDATE:
        revocation_receive(protocol, message, now);
        break;
    case OPCODE_GRANT:
        fill_grant(protocol, message, now);
        break;
    case OPCODE_EVICT:
        release_receive(protocol, message, now);
        break;
    default:
        protocol->stats->unexpected++;
    }
    afterwards(protocol, now);
}

void protocol_tick(struct protocol *protocol, uint64_t now)
{
    if (now < protocol->wake_at)
        return;
    protocol->wake_at = NEVER;
    fill_tick(protocol, now);
    write_back_tick(protocol, now);
    revocation_tick(protocol, now);
    release_tick(protocol, now);
    afterwards(protocol, now);
}

void protocol_drain(struct protocol *protocol, uint64_t va, uint64_t end, bool give_up_pages, uint64_t now)
{
    protocol->drain = (struct drain){
        .active = true, .give_up_pages = give_up_pages, .cursor = 0, .range = {.va = va, .end = end}};
    afterwards(protocol, now);
}

bool protocol_drained(const struct protocol *protocol)
{
    return !protocol->drain.active;
}

uint64_t protocol_wake_at(const struct protocol *protocol)
{
    return protocol->wake_at;
}

bool protocol_busy(const struct protocol *protocol)
{
    return protocol->fill_count + protocol->write_count + protocol->revocation_count + protocol->release_count != 0;
}
