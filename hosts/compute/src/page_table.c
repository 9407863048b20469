#include "page_table.h"

#include <stdlib.h>
#include <string.h>

bool page_table_init(struct page_table *table, uint32_t capacity)
{
    memset(table, 0, sizeof(*table));
    table->slots = calloc(capacity, sizeof(struct page *));
    table->free_slots = calloc(capacity, sizeof(*table->free_slots));
    table->capacity = capacity;
    if (table->slots == NULL || table->free_slots == NULL) {
        page_table_free(table);
        return false;
    }
    for (uint32_t i = 0; i < capacity; i++)
        table->free_slots[i] = capacity - 1 - i;
    return true;
}

void page_table_free(struct page_table *table)
{
    for (uint32_t i = 0; i < table->range_count; i++)
        free(table->ranges[i].pages);
    free(table->slots);
    free(table->free_slots);
    memset(table, 0, sizeof(*table));
}

static bool range_fits(const struct page_table *table, uint64_t va, uint64_t length)
{
    if (va == 0 || length == 0 || (va | length) % PAGE_BYTES != 0 || va + length < va || table->range_count == MAX_RANGES)
        return false;
    for (uint32_t i = 0; i < table->range_count; i++)
        if (va < table->ranges[i].end && table->ranges[i].va < va + length)
            return false;
    return true;
}

bool page_table_add(struct page_table *table, uint64_t va, uint64_t length)
{
    if (!range_fits(table, va, length))
        return false;
    /* calloc of a large block is memory that exists only once it is written: pages never touched cost nothing. */
    struct page *pages = calloc(length / PAGE_BYTES, sizeof(*pages));
    if (pages == NULL)
        return false;
    table->ranges[table->range_count++] = (struct page_range){.va = va, .end = va + length, .pages = pages};
    return true;
}

bool page_table_remove(struct page_table *table, uint64_t va, uint64_t length)
{
    for (uint32_t i = 0; i < table->range_count; i++) {
        struct page_range *range = &table->ranges[i];
        if (range->va != va || range->end != va + length)
            continue;
        free(range->pages);
        *range = table->ranges[--table->range_count];
        table->recent = 0;
        return true;
    }
    return false;
}

static struct page *page_in(const struct page_range *range, uint64_t va)
{
    struct page *page = &range->pages[(va - range->va) >> PAGE_LOG2];
    if (page->va == 0) {
        page->va = va & ~(uint64_t)(PAGE_BYTES - 1);
        page->slot = NO_SLOT;
    }
    return page;
}

struct page *page_find(struct page_table *table, uint64_t va)
{
    for (uint32_t i = 0; i < table->range_count; i++) {
        uint32_t at = (table->recent + i) % table->range_count;
        if (va < table->ranges[at].va || va >= table->ranges[at].end)
            continue;
        table->recent = at;
        return page_in(&table->ranges[at], va);
    }
    return NULL;
}

void page_hold(struct page_table *table, struct page *page)
{
    if (page->slot != NO_SLOT || table->held == table->capacity)
        return;
    page->slot = table->free_slots[table->capacity - 1 - table->held];
    table->slots[page->slot] = page;
    table->held++;
}

void page_release(struct page_table *table, struct page *page)
{
    if (page->slot == NO_SLOT)
        return;
    table->held--;
    table->free_slots[table->capacity - 1 - table->held] = page->slot;
    table->slots[page->slot] = NULL;
    page->slot = NO_SLOT;
}

struct region region_of(uint64_t va, uint8_t log2)
{
    uint64_t size = 1ULL << log2;
    uint64_t base = va & ~(size - 1);
    return (struct region){.va = base, .end = base + size};
}

struct region page_region(const struct page *page)
{
    return region_of(page->va, page->region_log2 ? page->region_log2 : PAGE_LOG2);
}

struct page *region_next(struct page_table *table, struct region region, uint64_t *cursor)
{
    while (*cursor < region.end) {
        struct page *page = page_find(table, *cursor);
        *cursor += PAGE_BYTES;
        if (page != NULL)
            return page;
    }
    return NULL;
}

bool region_held(struct page_table *table, struct region region)
{
    uint64_t cursor = region.va;
    for (struct page *page; (page = region_next(table, region, &cursor)) != NULL;)
        if (page->state != PAGE_NONE)
            return true;
    return false;
}

struct page *clock_front(struct page_table *table)
{
    if (table->ahead == table->capacity)
        return NULL;
    return table->slots[(table->hand + table->ahead++) % table->capacity];
}

struct page *clock_back(struct page_table *table)
{
    struct page *page = table->slots[table->hand];
    table->hand = (table->hand + 1) % table->capacity;
    table->ahead -= table->ahead > 0;
    return page;
}
