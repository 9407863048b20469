/* Channels: queue pairs of the explicit interface. The calling thread sends and polls for itself, so that a small read
 * costs no change of threads. */
#ifndef RACKMEM_CHANNEL_H
#define RACKMEM_CHANNEL_H

#include <pthread.h>

#include "packet_socket.h"
#include "requester.h"

#define MAX_CHANNELS 32U

struct channel {
    struct packet_socket socket;
    struct requester requester;
    bool open;
    bool in_use;
};

/* As many channels as threads have ever called at once. */
struct channel_pool {
    pthread_mutex_t guard;
    pthread_cond_t returned;
    struct channel channels[MAX_CHANNELS];
    const char *interface;
    struct endpoints endpoints;
    struct protocol_times times;
    uint32_t first_qp;
    uint32_t first_psn;
    uint32_t domain;
    uint64_t spin_ns;
    struct rackmem_stats *stats;
};

void channel_pool_init(struct channel_pool *pool);
void channel_pool_close(struct channel_pool *pool);

/* NULL with `error` set when a socket can not be opened. */
struct channel *channel_take(struct channel_pool *pool, struct rackmem_error *error);
void channel_return(struct channel_pool *pool, struct channel *channel);

/* Carries the requester's request out: sends, polls a while, then sleeps between packets. */
void channel_run(struct channel_pool *pool, struct channel *channel);

#endif
