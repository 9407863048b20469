/* What is known of every page of the mapped ranges, and which of them are here. Pure: no page is touched. */
#ifndef RACKMEM_PAGE_TABLE_H
#define RACKMEM_PAGE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_LOG2 12U
#define PAGE_BYTES 4096U
#define LARGEST_REGION_LOG2 21U
#define MAX_RANGES 64U
#define NO_SLOT UINT32_MAX

enum page_state { PAGE_NONE = 0, PAGE_SHARED = 1, PAGE_MODIFIED = 2 };

enum page_flag {
    PAGE_WRITABLE = 0x01,   /* stores do not fault */
    PAGE_DIRTY = 0x02,      /* memory is not current */
    PAGE_PROBATION = 0x04,  /* hidden by the clock's first hand, and not used since */
    PAGE_WANT_READ = 0x08,  /* a thread waits */
    PAGE_WANT_WRITE = 0x10,
    PAGE_QUEUED = 0x20,     /* waits for a resource, in the protocol's queue */
    PAGE_EVICT = 0x40,      /* is being written back to be given up */
};

#define PAGE_WANTED (PAGE_WANT_READ | PAGE_WANT_WRITE)

struct page {
    uint64_t va;
    struct page *next;        /* in the queue of pages that wait */
    uint64_t wanted_at;       /* ns, of the first thread that waits */
    uint32_t slot;            /* in the cache, NO_SLOT when the page is not here */
    uint32_t installed_us;    /* when it came or became writable, microseconds modulo 2^32 */
    uint16_t grant_version;
    uint16_t served_version;  /* of the last INVALIDATE that covered it */
    uint8_t state;
    uint8_t flags;
    uint8_t region_log2;      /* as the last answer gave it, 0 before */
    uint8_t served;           /* 0, or SERVED with SERVED_KEPT */
    uint8_t fill;             /* fill under way: its index + 1 */
    uint8_t write;            /* write-back under way: its index + 1 */
};

#define SERVED 1U
#define SERVED_KEPT 2U

struct region {
    uint64_t va;
    uint64_t end;
};

struct page_range {
    uint64_t va;
    uint64_t end;
    struct page *pages;
};

struct page_table {
    struct page_range ranges[MAX_RANGES];
    uint32_t range_count;
    uint32_t recent;       /* the range of the last find */
    struct page **slots;   /* the pages that are here, NULL where free */
    uint32_t *free_slots;
    uint32_t capacity;
    uint32_t held;
    uint32_t hand;         /* the clock's hand that evicts */
    uint32_t ahead;        /* slots from it to the hand that puts pages on probation */
    uint32_t probation;    /* pages with PAGE_PROBATION */
};

bool page_table_init(struct page_table *table, uint32_t capacity);
void page_table_free(struct page_table *table);

/* false: misaligned, overlapping, one range too many, or no memory. */
bool page_table_add(struct page_table *table, uint64_t va, uint64_t length);

/* The exact range of an add, none of whose pages is here. */
bool page_table_remove(struct page_table *table, uint64_t va, uint64_t length);

struct page *page_find(struct page_table *table, uint64_t va);

/* Counts the page among those that are here, or not any more. */
void page_hold(struct page_table *table, struct page *page);
void page_release(struct page_table *table, struct page *page);

/* The page's region as far as it is known; the page alone before the first answer. */
struct region page_region(const struct page *page);
struct region region_of(uint64_t va, uint8_t log2);

static inline bool region_has(struct region region, uint64_t va)
{
    return va >= region.va && va < region.end;
}

/* The first mapped page at or after *cursor in the region, NULL at its end. Start with *cursor = region.va. */
struct page *region_next(struct page_table *table, struct region region, uint64_t *cursor);

/* Whether a page of the region is here. */
bool region_held(struct page_table *table, struct region region);

/* A clock with two hands. Each function returns the page under its hand, NULL where a slot is free, and moves the hand
 * on; the first hand stops a whole turn ahead of the other. */
struct page *clock_front(struct page_table *table);
struct page *clock_back(struct page_table *table);

#endif
