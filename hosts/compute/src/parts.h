/* What the parts of the protocol are to each other: protocol.c hands events out, each other file is one kind of
 * transaction. Nothing outside the protocol includes this. */
#ifndef RACKMEM_PARTS_H
#define RACKMEM_PARTS_H

#include "protocol.h"
#include "rack_headers.h"

enum queue_pair { QP_FILL = 0, QP_WRITE = 1, QP_CONTROL = 2, QUEUE_PAIRS = 3 };

/* protocol.c */
void act(struct protocol *protocol, uint8_t kind, uint64_t va);
void send_message(struct protocol *protocol, const struct message *message);
void wake_by(struct protocol *protocol, uint64_t when);
uint64_t retransmit_wait(const struct protocol *protocol, uint8_t tries);
uint64_t busy_wait(struct protocol *protocol, uint8_t tries);
void fail_page(struct protocol *protocol, struct page *page, enum failure reason);
void page_want(struct protocol *protocol, struct page *page, uint8_t wanted, uint64_t now);
void page_settle(struct protocol *protocol, struct page *page, uint64_t now);
void page_enqueue(struct protocol *protocol, struct page *page);
void region_settle(struct protocol *protocol, struct region region, uint64_t now);
bool region_blocked(const struct protocol *protocol, uint64_t va);
enum failure failure_of(uint8_t syndrome);

/* fill.c */
bool fill_start(struct protocol *protocol, struct page *page, bool write, uint64_t now);
void fill_receive(struct protocol *protocol, const struct message *message, uint64_t now);
void fill_grant(struct protocol *protocol, const struct message *message, uint64_t now);
void fill_tick(struct protocol *protocol, uint64_t now);
bool fills_under_way(const struct protocol *protocol, struct region region);
bool fills_in(const struct protocol *protocol, struct region region);
void fills_void(struct protocol *protocol, struct region region, uint64_t now);

/* write_back.c */
bool write_back_start(struct protocol *protocol, struct page *page, const struct coherence *push, uint64_t now);
void write_back_receive(struct protocol *protocol, const struct message *message, uint64_t now);
void write_back_tick(struct protocol *protocol, uint64_t now);
void write_back_redirect(struct protocol *protocol, const struct coherence *coherence, uint64_t now);

/* revocation.c */
bool revocation_serves(struct protocol *protocol, uint64_t va);
void revocation_receive(struct protocol *protocol, const struct message *message, uint64_t now);
void revocation_progress(struct protocol *protocol, const struct write_back *ended, uint64_t now);
void revocation_tick(struct protocol *protocol, uint64_t now);
void revocation_reconsider(struct protocol *protocol, uint64_t va, uint64_t now);

/* cache.c */
void page_used(struct protocol *protocol, struct page *page);
bool cache_make_room(struct protocol *protocol, uint64_t now);
void cache_balance(struct protocol *protocol, uint64_t now);
void cache_drop(struct protocol *protocol, struct page *page);
void cache_written(struct protocol *protocol, struct page *page, uint64_t now);
void cache_drain(struct protocol *protocol, uint64_t now);
void release_consider(struct protocol *protocol, struct region region, uint64_t now);
void release_receive(struct protocol *protocol, const struct message *message, uint64_t now);
void release_tick(struct protocol *protocol, uint64_t now);

#endif
