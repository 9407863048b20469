/* The pager: one thread that takes faults, packets and time to the protocol and does what it decides. */
#ifndef RACKMEM_PAGER_H
#define RACKMEM_PAGER_H

#include <pthread.h>

#include "memory.h"
#include "packet_socket.h"
#include "protocol.h"

#define PAGER_QUEUE_PAIRS 3U

enum command_kind { COMMAND_NONE, COMMAND_MAP, COMMAND_UNMAP, COMMAND_FLUSH, COMMAND_STOP };

/* What another thread asks of the pager. */
struct command {
    uint8_t kind;
    uint64_t va;
    uint64_t length;
    uint64_t deadline;
    int result;
    struct rackmem_error *error;
};

struct pager {
    struct protocol *protocol;
    struct memory memory;
    struct packet_socket socket;
    struct rackmem_stats *stats;
    uint64_t spin_ns;
    uint64_t give_up_ns;
    uint64_t drops_counted; /* when */
    pthread_t thread;
    bool running;
    int event_fd;
    pthread_mutex_t turn;  /* held by the thread whose command it is */
    pthread_mutex_t guard; /* of `done` and the command's result */
    pthread_cond_t finished;
    struct command *command;
    bool done;
};

struct pager_options {
    const char *interface;
    struct endpoints endpoints;
    struct protocol_options protocol;
    uint64_t spin_ns;
    int32_t cpu;
};

bool pager_open(struct pager *pager, const struct pager_options *options, struct rackmem_stats *stats,
                struct rackmem_error *error);

/* Has the pager do it and returns the result. */
int pager_command(struct pager *pager, uint8_t kind, uint64_t va, uint64_t length, struct rackmem_error *error);

/* Stops the thread and frees all; what is not written back by now is lost. */
void pager_close(struct pager *pager);

#endif
