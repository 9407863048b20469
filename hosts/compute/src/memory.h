/* The mapped ranges as the kernel sees them: shared memory with two mappings, one for the process's loads and stores,
 * guarded by a userfaultfd, one for the pager, on which nothing ever faults for long. */
#ifndef RACKMEM_MEMORY_H
#define RACKMEM_MEMORY_H

#include <stdbool.h>

#include "page_table.h"
#include "rackmem.h"

struct mapping {
    uint64_t va;
    uint64_t length;
    int fd;         /* what both mappings show */
    uint8_t *alias; /* the pager's */
};

struct memory {
    int uffd;
    bool poison;  /* the kernel can make a page raise SIGBUS */
    bool reshow;  /* it can map a page that is here, write-protected */
    uint32_t mapping_count;
    struct mapping mappings[MAX_RANGES];
    uint8_t *spare; /* one page */
};

struct fault {
    uint64_t va;
    bool write;
    bool local; /* the page is here, and not mapped any more */
};

#define FAULT_BATCH 16U

bool memory_open(struct memory *memory, struct rackmem_error *error);
void memory_close(struct memory *memory);

bool memory_map(struct memory *memory, uint64_t va, uint64_t length, struct rackmem_error *error);
void memory_unmap(struct memory *memory, uint64_t va);

/* The faults that wait, at most FAULT_BATCH; never blocks. */
uint32_t memory_faults(struct memory *memory, struct fault *faults);

/* What the page at va holds. Only of a page that was installed and not dropped. */
const uint8_t *memory_at(const struct memory *memory, uint64_t va);

void memory_install(struct memory *memory, uint64_t va, const uint8_t *data, bool writable);
void memory_remap(struct memory *memory, uint64_t va, bool writable);
void memory_hide(struct memory *memory, uint64_t va);
void memory_protect(struct memory *memory, uint64_t va, bool writable);
void memory_drop(struct memory *memory, uint64_t va);
void memory_wake(struct memory *memory, uint64_t va);
void memory_fail(struct memory *memory, uint64_t va);

#endif
