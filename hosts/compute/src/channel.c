#define _GNU_SOURCE
#include "channel.h"

#include <poll.h>
#include <sched.h>
#include <string.h>

#include "clock.h"
#include "stats.h"

#define RING_FRAMES 128U

void channel_pool_init(struct channel_pool *pool)
{
    pthread_mutex_init(&pool->guard, NULL);
    pthread_cond_init(&pool->returned, NULL);
}

void channel_pool_close(struct channel_pool *pool)
{
    for (uint32_t i = 0; i < MAX_CHANNELS; i++)
        if (pool->channels[i].open)
            packet_socket_close(&pool->channels[i].socket);
    pthread_cond_destroy(&pool->returned);
    pthread_mutex_destroy(&pool->guard);
}

static bool open_channel(struct channel_pool *pool, struct channel *channel, struct rackmem_error *error)
{
    uint32_t qp = pool->first_qp + (uint32_t)(channel - pool->channels);
    struct queue_pairs own = {.first = qp, .last = qp, .and_zero = false};
    if (!packet_socket_open(&channel->socket, pool->interface, &pool->endpoints, own, RING_FRAMES, error))
        return false;
    requester_init(&channel->requester, qp, pool->first_psn, pool->domain, &pool->times);
    channel->open = true;
    return true;
}

/* One that is open, else one that can be opened, else NULL: all are in use. */
static struct channel *find_free(struct channel_pool *pool)
{
    struct channel *unopened = NULL;
    for (uint32_t i = 0; i < MAX_CHANNELS; i++) {
        struct channel *channel = &pool->channels[i];
        if (channel->open && !channel->in_use)
            return channel;
        if (!channel->open && unopened == NULL)
            unopened = channel;
    }
    return unopened;
}

struct channel *channel_take(struct channel_pool *pool, struct rackmem_error *error)
{
    struct channel *channel;
    pthread_mutex_lock(&pool->guard);
    while ((channel = find_free(pool)) == NULL)
        pthread_cond_wait(&pool->returned, &pool->guard);
    if (!channel->open && !open_channel(pool, channel, error))
        channel = NULL;
    else
        channel->in_use = true;
    pthread_mutex_unlock(&pool->guard);
    return channel;
}

void channel_return(struct channel_pool *pool, struct channel *channel)
{
    pthread_mutex_lock(&pool->guard);
    channel->in_use = false;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->guard);
}

static bool receive(struct channel_pool *pool, struct channel *channel)
{
    struct message message;
    const uint8_t *frame;
    size_t length;
    bool any = false;
    while ((frame = packet_socket_peek(&channel->socket, &length)) != NULL) {
        any = true;
        if (message_parse(frame, length, &message))
            requester_receive(&channel->requester, &message, clock_ns());
        else
            count_up(&pool->stats->malformed);
        packet_socket_take(&channel->socket);
    }
    return any;
}

static void transmit(struct channel *channel, uint64_t now)
{
    struct message message;
    while (requester_next(&channel->requester, now, &message))
        packet_socket_queue(&channel->socket, &message, message.payload);
    packet_socket_flush(&channel->socket);
}

static void sleep_until(const struct channel *channel, uint64_t wake_at, uint64_t now)
{
    uint64_t wait = wake_at > now ? wake_at - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000ULL), .tv_nsec = (long)(wait % 1000000000ULL)};
    struct pollfd fd = {.fd = channel->socket.fd, .events = POLLIN};
    ppoll(&fd, 1, &timeout, NULL);
}

static void add_up(struct channel_pool *pool, struct requester *requester)
{
    __atomic_fetch_add(&pool->stats->retransmissions, requester->retransmissions, __ATOMIC_RELAXED);
    __atomic_fetch_add(&pool->stats->receiver_not_ready, requester->receiver_not_ready, __ATOMIC_RELAXED);
    requester->retransmissions = requester->receiver_not_ready = 0;
}

void channel_run(struct channel_pool *pool, struct channel *channel)
{
    struct requester *requester = &channel->requester;
    uint64_t idle_since = clock_ns();
    transmit(channel, idle_since);
    while (!requester_done(requester)) {
        bool any = receive(pool, channel);
        if (requester_done(requester))
            break;
        uint64_t now = clock_ns();
        transmit(channel, now);
        if (any)
            idle_since = now;
        else if (now - idle_since < pool->spin_ns)
            sched_yield();
        else
            sleep_until(channel, requester_wake_at(requester), now);
    }
    add_up(pool, requester);
}
