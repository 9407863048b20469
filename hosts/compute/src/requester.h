/* One call of the explicit interface as packets: segments, a window, retransmissions. Pure. */
#ifndef RACKMEM_REQUESTER_H
#define RACKMEM_REQUESTER_H

#include "message.h"
#include "protocol.h"

#define REQUEST_WINDOW 64U /* packets in flight; the wire allows 256 */

enum in_flight_state { FLIGHT_FREE, FLIGHT_SENT, FLIGHT_WAITING };

struct in_flight {
    uint8_t state;
    uint8_t tries;
    uint32_t psn;
    uint32_t length;
    uint64_t offset; /* in the caller's data */
    uint64_t send_at;
};

/* A queue pair of its own; one request at a time. */
struct requester {
    uint32_t qp;
    uint32_t psn; /* the next one */
    uint32_t domain;
    struct protocol_times times;
    uint64_t retransmissions;
    uint64_t receiver_not_ready;
    /* the request under way */
    uint8_t opcode;
    uint64_t va;
    uint8_t *into;       /* READ */
    const uint8_t *from; /* WRITE */
    uint64_t length;
    uint64_t issued;     /* bytes sent at least once */
    uint64_t completed;
    uint64_t swap_or_add;
    uint64_t compare;
    uint64_t original;
    uint64_t heard;
    uint8_t failure;     /* 0 or enum failure */
    struct in_flight flights[REQUEST_WINDOW];
};

void requester_init(struct requester *requester, uint32_t qp, uint32_t psn, uint32_t domain,
                    const struct protocol_times *times);

void requester_read(struct requester *requester, uint64_t va, uint8_t *into, uint64_t length, uint64_t now);
void requester_write(struct requester *requester, uint64_t va, const uint8_t *from, uint64_t length, uint64_t now);
void requester_atomic(struct requester *requester, uint8_t opcode, uint64_t va, uint64_t swap_or_add,
                      uint64_t compare, uint64_t now);

/* The next packet that is due at `now`: true and the message, whose payload is data to send or NULL for padding. */
bool requester_next(struct requester *requester, uint64_t now, struct message *message);
void requester_receive(struct requester *requester, const struct message *message, uint64_t now);

bool requester_done(const struct requester *requester);

/* When requester_next() will have something again if no packet comes. */
uint64_t requester_wake_at(const struct requester *requester);

#endif
