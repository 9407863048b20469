/* A packet socket on one interface that gets the RoCE packets for a few queue pairs, in a ring shared with the kernel. */
#ifndef RACKMEM_PACKET_SOCKET_H
#define RACKMEM_PACKET_SOCKET_H

#include "message.h"
#include "rackmem.h"

#define SEND_BATCH 64U

struct packet_socket {
    int fd;
    uint8_t *ring;
    uint32_t frames;
    uint32_t next;
    uint32_t queued;
    uint64_t send_errors;
    struct outgoing *outgoing; /* SEND_BATCH of them */
    struct endpoints endpoints;
};

/* Takes packets whose BTH.dest_qp is in [first_qp, last_qp], and 0 too when `and_zero`. */
struct queue_pairs {
    uint32_t first;
    uint32_t last;
    bool and_zero;
};

bool packet_socket_open(struct packet_socket *socket, const char *interface, const struct endpoints *endpoints,
                        struct queue_pairs queue_pairs, uint32_t frames, struct rackmem_error *error);
void packet_socket_close(struct packet_socket *socket);

/* Queues one packet; its payload is copied, padding where `data` is NULL. Flushes by itself when the batch is full. */
void packet_socket_queue(struct packet_socket *socket, const struct message *message, const void *data);
void packet_socket_flush(struct packet_socket *socket);

/* The next frame that has come, or NULL. It is the caller's until packet_socket_take(). */
const uint8_t *packet_socket_peek(struct packet_socket *socket, size_t *length);
void packet_socket_take(struct packet_socket *socket);

/* Frames lost for lack of room since the last call. */
uint64_t packet_socket_drops(const struct packet_socket *socket);

#endif
