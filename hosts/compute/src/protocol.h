/* What a compute blade decides: faults, packets and time go in, actions come out. Pure: no packet is sent here and
 * no page touched; perform() does that, at once and in order. Section "What a compute blade does" of
 * docs/coherence.md is the specification. One thread at a time. */
#ifndef RACKMEM_PROTOCOL_H
#define RACKMEM_PROTOCOL_H

#include "message.h"
#include "page_table.h"
#include "rackmem.h"

#define SEGMENTS 4U /* of a page */
#define ALL_SEGMENTS 0xfU
#define MAX_FILLS 32U
#define MAX_WRITES 32U
#define MAX_REVOCATIONS 64U
#define MAX_RELEASES 64U
#define PSN_WINDOW 256U
#define NEVER UINT64_MAX

enum action_kind {
    ACTION_SEND,      /* message; WRITE and PUSH carry the memory at message.va, other payload is padding */
    ACTION_INSTALL,   /* the page at va is `data`, writable or not; threads that wait for it go on */
    ACTION_REMAP,     /* the page is here but the process can not see it: show it, writable or not */
    ACTION_HIDE,      /* take it out of the process's sight: its next access tells, as a local fault */
    ACTION_PROTECT,   /* stores to the page fault from now on */
    ACTION_UNPROTECT, /* stores do not fault any more; threads that wait go on */
    ACTION_DROP,      /* the page is not here any more */
    ACTION_WAKE,      /* threads that wait for the page try again */
    ACTION_FAIL,      /* every access to the page fails from now on, for `reason` */
};

enum failure {
    FAILURE_SILENCE = 1, /* no answer */
    FAILURE_BUSY = 2,    /* nothing but "wait and send again" */
    FAILURE_INVALID = 3, /* refused: not coherent memory */
    FAILURE_ACCESS = 4,  /* refused: no such address, or a right is missing */
    FAILURE_REMOTE = 5,  /* refused: the memory blade can not */
    FAILURE_NO_ROOM = 6, /* the cache is full of pages that can not be written back */
    FAILURE_LOST = 7,    /* the directory gave the page away without this blade: what was stored is lost */
};

struct action {
    uint8_t kind;
    uint8_t reason;
    bool writable;
    uint64_t va;
    uint64_t started; /* when the fault came, 0 when no fault did */
    const uint8_t *data;
    struct message message;
};

typedef void (*perform_function)(void *context, const struct action *action);

/* All in nanoseconds. */
struct protocol_times {
    uint64_t retransmit;
    uint64_t retransmit_most;
    uint64_t busy;      /* first wait after RNR */
    uint64_t busy_most;
    uint64_t reset;     /* without progress, after which the control plane is told */
    uint64_t give_up;   /* of silence, after which the access fails */
    uint64_t defer;     /* an INVALIDATE waits for fills */
    uint64_t hold;      /* and for the access to a page that just came */
};

struct protocol_options {
    uint32_t domain;
    uint32_t first_qp;  /* fills; the next one writes, the one after evicts */
    uint32_t first_psn;
    uint32_t capacity;  /* pages */
    uint32_t seed;
    struct protocol_times times;
};

/* A page, or the right to write to one that is here, on its way. */
struct fill {
    struct page *page; /* NULL: free */
    uint64_t started;
    uint64_t heard;    /* the last packet for it */
    uint64_t send_at;  /* unanswered segments are sent again */
    uint64_t busy_at;  /* refused segments are sent again */
    uint64_t reset_at; /* the control plane is told */
    uint32_t psn;
    uint8_t opcode;
    bool upgrade;
    uint8_t segments;  /* masks: asked for, answered, told to wait */
    uint8_t answered;
    uint8_t refused;
    uint8_t tries;
    uint8_t busy_tries;
    uint8_t permission; /* the least of the answers */
    uint8_t region_log2;
    uint16_t version;   /* the newest of the answers */
    bool pending;       /* an answer said that acknowledgements are missing ... */
    uint16_t pending_version;
    bool clear;         /* ... another that none are */
    uint16_t clear_version;
    bool granted;
    uint16_t grant_version;
};

struct write_back {
    struct page *page; /* NULL: free */
    uint64_t started;
    uint64_t send_at;
    uint32_t psn;
    uint8_t acknowledged; /* mask of segments */
    uint8_t tries;
    bool refused;
    bool push;
    struct coherence coherence; /* of a push: the INVALIDATE that it answers */
};

enum revocation_phase { REVOCATION_FREE, REVOCATION_DEFERRED, REVOCATION_WRITING };

/* An INVALIDATE that is being served. */
struct revocation {
    uint8_t phase;
    bool refused;
    bool pushed;
    bool insisted; /* it looks stale and came too often to be */
    uint64_t arrived;
    uint64_t begin_at;
    struct region region;
    struct coherence coherence;
};

/* An EVICT that waits for the switch's confirmation. */
struct release {
    bool active;
    struct region region;
    uint64_t started;
    uint64_t send_at;
    uint32_t psn;
    uint8_t tries;
    struct coherence coherence;
};

/* A flush or an unmapping that is under way. */
struct drain {
    bool active;
    bool give_up_pages;
    uint32_t cursor; /* over the cache's slots */
    uint32_t lost;   /* pages that the directory did not take back */
    struct region range;
};

struct protocol {
    struct protocol_options options;
    struct page_table table;
    struct fill fills[MAX_FILLS];
    struct write_back writes[MAX_WRITES];
    struct revocation revocations[MAX_REVOCATIONS];
    struct release releases[MAX_RELEASES];
    struct drain drain;
    uint32_t fill_count;
    uint32_t loading; /* fills that will need a slot of the cache */
    uint32_t write_count;
    uint32_t revocation_count;
    uint32_t release_count;
    struct page *waiting_first;
    struct page *waiting_last;
    uint32_t fill_psn;
    uint32_t write_psn;
    uint32_t control_psn;
    uint64_t wake_at;
    uint64_t random;
    struct { uint64_t region_va; uint16_t version; uint8_t count; } stale;
    struct rackmem_stats *stats;
    perform_function perform;
    void *context;
    uint8_t (*staging)[PAGE_BYTES]; /* one page for each fill */
};

struct protocol *protocol_new(const struct protocol_options *options, struct rackmem_stats *stats,
                              perform_function perform, void *context);
void protocol_delete(struct protocol *protocol);

bool protocol_map(struct protocol *protocol, uint64_t va, uint64_t length);
bool protocol_unmap(struct protocol *protocol, uint64_t va, uint64_t length);

/* A thread can not go on at va. */
void protocol_fault(struct protocol *protocol, uint64_t va, bool write, uint64_t now);

/* The same, where the kernel says that the page is here and only not mapped: ACTION_HIDE did that, or the process
 * itself (madvise). */
void protocol_local_fault(struct protocol *protocol, uint64_t va, bool write, uint64_t now);

/* A packet came. `payload` need not outlive the call. */
void protocol_receive(struct protocol *protocol, const struct message *message, uint64_t now);

/* Time has passed. */
void protocol_tick(struct protocol *protocol, uint64_t now);

/* Writes back the dirty pages of [va, end), and gives them all up where `give_up_pages`. One at a time. */
void protocol_drain(struct protocol *protocol, uint64_t va, uint64_t end, bool give_up_pages, uint64_t now);
bool protocol_drained(const struct protocol *protocol);

/* The next moment at which protocol_tick() has something to do; NEVER while nothing is under way. */
uint64_t protocol_wake_at(const struct protocol *protocol);

/* Whether an answer may come soon. */
bool protocol_busy(const struct protocol *protocol);

#endif
