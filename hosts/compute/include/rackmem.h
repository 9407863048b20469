/* librackmem: a process uses the rack's memory with plain loads and stores.
 *
 * One context is one compute blade: an interface, an address in the rack and a protection domain. Mapped ranges are
 * cached page by page and kept coherent by the directory in the switch (docs/coherence.md); rackmem_read() and its
 * kin reach ranges that are not mapped, one packet or more for each call.
 *
 * Every function returns RACKMEM_OK or an enum rackmem_code; `error`, where not NULL, then says in words what is
 * wrong. All functions may be called by any thread, and none of them in a child of fork(). */
#ifndef RACKMEM_H
#define RACKMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum rackmem_code {
    RACKMEM_OK = 0,
    RACKMEM_BAD_ARGUMENT = 1,    /* the caller's mistake: alignment, a NULL, a size of 0 */
    RACKMEM_SYSTEM = 2,          /* a system call failed; system_errno says how */
    RACKMEM_NOT_PERMITTED = 3,   /* the process lacks a capability (CAP_NET_RAW, CAP_SYS_PTRACE) */
    RACKMEM_OVERLAP = 4,         /* the virtual addresses are in use */
    RACKMEM_NO_MEMORY = 5,
    RACKMEM_TIMED_OUT = 6,       /* the rack did not answer */
    RACKMEM_REFUSED_INVALID = 7, /* the rack: a verb that this memory does not take, or a bad length */
    RACKMEM_REFUSED_ACCESS = 8,  /* the rack: no such address, or a right is missing */
    RACKMEM_REFUSED_FAULT = 9,   /* the rack: the memory blade can not do it */
    RACKMEM_FORKED = 10,         /* called in a child of fork(), which has no pager */
    RACKMEM_NOT_MAPPED = 11,     /* rackmem_unmap() of something that rackmem_map() did not map */
};

#define RACKMEM_TEXT_SIZE 320

struct rackmem_error {
    int32_t code;
    int32_t system_errno;
    char text[RACKMEM_TEXT_SIZE];
};

#define RACKMEM_NAME_SIZE 16
#define RACKMEM_ANY_CPU (-1)

/* Zero means the default wherever a default is named. Addresses are in host order. */
struct rackmem_options {
    char interface[RACKMEM_NAME_SIZE]; /* in the caller's network namespace */
    uint64_t mac;                      /* the blade's; default: the interface's */
    uint64_t rack_mac;                 /* default 02:00:00:00:ff:fe */
    uint32_t address;                  /* the blade's IPv4 address; default: the interface's */
    uint32_t rack_address;             /* default 10.0.255.254 */
    uint32_t domain;                   /* protection domain, 1..65535 */
    int32_t cpu;                       /* pins the pager and the calling thread, or RACKMEM_ANY_CPU */
    uint64_t cache_bytes;              /* bound of the local copies; default 64 MiB, at least 64 KiB */
    uint64_t retransmit_ns;            /* first retransmission; default 2 ms, then it doubles up to 64 ms */
    uint64_t give_up_ns;               /* silence after which an access fails; default 10 s */
    uint64_t hold_ns;                  /* how long a page that just came is kept; default 20 us */
    uint64_t spin_ns;                  /* how long the pager polls before it sleeps; default 50 us */
};

/* Counts per value: buckets of a sixteenth of a power of two, nanoseconds. See rackmem_quantile(). */
#define RACKMEM_BUCKETS 592

struct rackmem_histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t buckets[RACKMEM_BUCKETS];
};

/* Written while the context is in use; every value is read and written whole. */
struct rackmem_stats {
    uint64_t read_faults;
    uint64_t write_faults;
    uint64_t upgrade_faults;      /* write faults on a page that was present */
    uint64_t fills;               /* pages that came from the rack */
    uint64_t upgrades;            /* shared pages that became writable without data */
    uint64_t invalidations;       /* served: a copy was given up or made read-only */
    uint64_t false_invalidations; /* pages given up, or made read-only, that nobody had asked for */
    uint64_t write_backs;         /* pages written to a memory blade */
    uint64_t pushes;              /* pages pushed to another blade through the switch */
    uint64_t empty_pushes;        /* pushes asked for of a page that memory has as well */
    uint64_t evictions;           /* pages given up for room */
    uint64_t releases;            /* regions given back to the directory */
    uint64_t retransmissions;
    uint64_t receiver_not_ready;  /* answers "wait and send again" */
    uint64_t stale;               /* packets of a transaction that is over */
    uint64_t voided;              /* fills begun again because an invalidation came between */
    uint64_t refused;             /* requests that the rack refused */
    uint64_t failures;            /* accesses that ended with an error */
    uint64_t resets;              /* the control plane was told that a region does not answer */
    uint64_t malformed;           /* packets that no blade of this rack sends */
    uint64_t unexpected;          /* packets that nothing here waits for */
    uint64_t send_errors;
    uint64_t ring_drops;          /* packets that came faster than they were taken */
    uint64_t local_faults;        /* faults on a page that was here but not mapped */
    uint64_t reads;               /* calls of the explicit interface on memory that is not mapped */
    uint64_t writes;
    uint64_t atomics;
    uint64_t cached_pages;        /* now */
    uint64_t dirty_pages;         /* now */
    struct rackmem_histogram fault_ns; /* from the fault's event to the page's installation */
    struct rackmem_histogram read_ns;  /* one rackmem_read() of at most one segment */
};

struct rackmem;

int rackmem_open(const struct rackmem_options *options, struct rackmem **context, struct rackmem_error *error);

/* Writes back what is dirty, gives every region back, unmaps everything and frees the context. A second error is
 * not hidden: where the rack does not take the dirty pages, RACKMEM_TIMED_OUT is returned after they are gone. */
int rackmem_close(struct rackmem *context, struct rackmem_error *error);

/* Maps [va, va+length), multiples of 4 KiB, at the same addresses of this process. Never over something else. */
int rackmem_map(struct rackmem *context, uint64_t va, uint64_t length, struct rackmem_error *error);

/* The exact range of one rackmem_map(): written back and given up first. */
int rackmem_unmap(struct rackmem *context, uint64_t va, uint64_t length, struct rackmem_error *error);

/* Returns when all stores made before the call are in the memory blades. */
int rackmem_flush(struct rackmem *context, struct rackmem_error *error);

/* On a mapped range these go through the mapping, else through packets. A call on a range that is partly mapped is
 * RACKMEM_BAD_ARGUMENT. Reads and writes of more than 8 bytes are not atomic. */
int rackmem_read(struct rackmem *context, uint64_t va, void *data, uint64_t length, struct rackmem_error *error);
int rackmem_write(struct rackmem *context, uint64_t va, const void *data, uint64_t length,
                  struct rackmem_error *error);

/* On eight bytes, aligned, in this machine's byte order. *original is the value before. */
int rackmem_compare_swap(struct rackmem *context, uint64_t va, uint64_t compare, uint64_t swap, uint64_t *original,
                         struct rackmem_error *error);
int rackmem_fetch_add(struct rackmem *context, uint64_t va, uint64_t add, uint64_t *original,
                      struct rackmem_error *error);

/* Valid until rackmem_close(); it may be read at any time. */
const struct rackmem_stats *rackmem_statistics(const struct rackmem *context);

/* The value, in nanoseconds, that a fraction (0 to 1) of what was counted does not exceed; 0 when nothing was. */
uint64_t rackmem_quantile(const struct rackmem_histogram *histogram, double fraction);

#ifdef __cplusplus
}
#endif
#endif
