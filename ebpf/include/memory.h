/* The blade's memory: 4 KiB pages that its process maps too, and the copies between them and packets. */
#ifndef RACKPLANE_MEMORY_H
#define RACKPLANE_MEMORY_H

#include "roce.h"

#define MEMORY_PAGE_SIZE 4096

struct page {
    u64 words[MEMORY_PAGE_SIZE / sizeof(u64)];
};

/* MEMORY_PAGES: the capacity; BCC wants it when it makes the map. */
BPF_F_TABLE("array", u32, struct page, memory, MEMORY_PAGES, BPF_F_MMAPABLE);

/* The page of a byte offset; NULL beyond the capacity. */
static __always_inline struct page *page_of(u64 va)
{
    u64 number = va / MEMORY_PAGE_SIZE;
    u32 index = number;

    return number == index ? memory.lookup(&index) : NULL;
}

/* Eight aligned bytes are one load and one store, so that a reader never sees half of an update. */
static __always_inline bool is_word(const struct request *request)
{
    return request->length == sizeof(u64) && !(request->va % sizeof(u64));
}

static __always_inline u64 *word_of(struct page *page, u64 va)
{
    return &page->words[(va % MEMORY_PAGE_SIZE) / sizeof(u64)];
}

/* The verifier knows no sums of two variables. So a copy goes in pieces of powers of two, each checked
 * against the page's end; nearly every request is one piece. The three copies differ in their helper only. */

static __always_inline long copy_to_frame(struct xdp_md *ctx, u32 at, struct page *page, const struct request *request)
{
    u64 offset = request->va % MEMORY_PAGE_SIZE;

    if (is_word(request)) {
        u64 word = *(volatile u64 *)word_of(page, request->va);
        return bpf_xdp_store_bytes(ctx, at, &word, sizeof(word));
    }
    for (u32 size = SEGMENT_SIZE; size; size /= 2) {
        if (!(request->length & size))
            continue;
        offset = opaque(offset);
        if (offset > MEMORY_PAGE_SIZE - size || bpf_xdp_store_bytes(ctx, at, (void *)page + offset, size))
            return -1;
        at += size;
        offset += size;
    }
    return 0;
}

static __always_inline long copy_to_skb(struct __sk_buff *skb, u32 at, struct page *page, const struct request *request)
{
    u64 offset = request->va % MEMORY_PAGE_SIZE;

    for (u32 size = SEGMENT_SIZE; size; size /= 2) {
        if (!(request->length & size))
            continue;
        offset = opaque(offset);
        if (offset > MEMORY_PAGE_SIZE - size || bpf_skb_store_bytes(skb, at, (void *)page + offset, size, 0))
            return -1;
        at += size;
        offset += size;
    }
    return 0;
}

static __always_inline long copy_from_frame(struct xdp_md *ctx, u32 at, struct page *page,
                                            const struct request *request)
{
    u64 offset = request->va % MEMORY_PAGE_SIZE;

    if (is_word(request)) {
        u64 word = 0;
        if (bpf_xdp_load_bytes(ctx, at, &word, sizeof(word)))
            return -1;
        *(volatile u64 *)word_of(page, request->va) = word;
        return 0;
    }
    for (u32 size = SEGMENT_SIZE; size; size /= 2) {
        if (!(request->length & size))
            continue;
        offset = opaque(offset);
        if (offset > MEMORY_PAGE_SIZE - size || bpf_xdp_load_bytes(ctx, at, (void *)page + offset, size))
            return -1;
        at += size;
        offset += size;
    }
    return 0;
}

#endif
