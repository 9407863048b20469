#include "requester.h"

#include <string.h>

#include "rack_headers.h"

void requester_init(struct requester *requester, uint32_t qp, uint32_t psn, uint32_t domain,
                    const struct protocol_times *times)
{
    memset(requester, 0, sizeof(*requester));
    requester->qp = qp;
    requester->psn = psn & PSN_MASK;
    requester->domain = domain;
    requester->times = *times;
}

static void begin(struct requester *requester, uint8_t opcode, uint64_t va, uint64_t length, uint64_t now)
{
    requester->opcode = opcode;
    requester->va = va;
    requester->length = length;
    requester->issued = requester->completed = 0;
    requester->failure = 0;
    requester->heard = now;
    memset(requester->flights, 0, sizeof(requester->flights));
}

void requester_read(struct requester *requester, uint64_t va, uint8_t *into, uint64_t length, uint64_t now)
{
    begin(requester, OPCODE_RDMA_READ_REQUEST, va, length, now);
    requester->into = into;
}

void requester_write(struct requester *requester, uint64_t va, const uint8_t *from, uint64_t length, uint64_t now)
{
    begin(requester, OPCODE_RDMA_WRITE_ONLY, va, length, now);
    requester->from = from;
}

void requester_atomic(struct requester *requester, uint8_t opcode, uint64_t va, uint64_t swap_or_add,
                      uint64_t compare, uint64_t now)
{
    begin(requester, opcode, va, sizeof(uint64_t), now);
    requester->swap_or_add = swap_or_add;
    requester->compare = compare;
}

static bool is_atomic(const struct requester *requester)
{
    return requester->opcode == OPCODE_COMPARE_SWAP || requester->opcode == OPCODE_FETCH_ADD;
}

/* Up to the next boundary of a segment. */
static uint32_t segment_at(const struct requester *requester, uint64_t offset)
{
    uint64_t room = SEGMENT_SIZE - (requester->va + offset) % SEGMENT_SIZE;
    uint64_t rest = requester->length - offset;
    return (uint32_t)(rest < room ? rest : room);
}

static void describe(const struct requester *requester, const struct in_flight *flight, struct message *message)
{
    *message = (struct message){.opcode = requester->opcode,
                                .qp = requester->qp,
                                .psn = flight->psn,
                                .va = requester->va + flight->offset,
                                .rkey = requester->domain,
                                .length = flight->length,
                                .swap_or_add = requester->swap_or_add,
                                .compare = requester->compare};
    if (requester->opcode == OPCODE_RDMA_WRITE_ONLY) {
        message->payload = requester->from + flight->offset;
        message->payload_length = flight->length;
    } else if (requester->opcode == OPCODE_RDMA_READ_REQUEST && flight->length > UNPADDED_READ) {
        message->payload_length = flight->length;
    }
}

static uint64_t wait_after(uint64_t first, uint64_t most, uint8_t tries)
{
    uint64_t wait = tries < 32 ? first << tries : most;
    return wait < most ? wait : most;
}

static void sent(struct requester *requester, struct in_flight *flight, uint64_t now)
{
    flight->state = FLIGHT_SENT;
    flight->send_at = now + wait_after(requester->times.retransmit, requester->times.retransmit_most, flight->tries);
    flight->tries += flight->tries < UINT8_MAX;
}

/* The slot of a PSN is its rest by the window: a slot in use keeps newer PSNs from getting too far ahead. */
static struct in_flight *slot_of(struct requester *requester, uint32_t psn)
{
    return &requester->flights[psn % REQUEST_WINDOW];
}

static bool issue(struct requester *requester, uint64_t now, struct message *message)
{
    struct in_flight *flight = slot_of(requester, requester->psn);
    if (requester->issued == requester->length || flight->state != FLIGHT_FREE)
        return false;
    *flight = (struct in_flight){.psn = requester->psn, .offset = requester->issued};
    flight->length = segment_at(requester, flight->offset);
    requester->issued += flight->length;
    requester->psn = (requester->psn + 1) & PSN_MASK;
    sent(requester, flight, now);
    describe(requester, flight, message);
    return true;
}

static bool repeat(struct requester *requester, uint64_t now, struct message *message)
{
    for (uint32_t i = 0; i < REQUEST_WINDOW; i++) {
        struct in_flight *flight = &requester->flights[i];
        if (flight->state == FLIGHT_FREE || now < flight->send_at)
            continue;
        requester->retransmissions++;
        sent(requester, flight, now);
        describe(requester, flight, message);
        return true;
    }
    return false;
}

bool requester_next(struct requester *requester, uint64_t now, struct message *message)
{
    if (requester_done(requester))
        return false;
    if (now - requester->heard >= requester->times.give_up) {
        requester->failure = FAILURE_SILENCE;
        return false;
    }
    return issue(requester, now, message) || repeat(requester, now, message);
}

static void complete(struct requester *requester, struct in_flight *flight)
{
    requester->completed += flight->length;
    flight->state = FLIGHT_FREE;
}

static void told_to_wait(struct requester *requester, struct in_flight *flight, uint64_t now)
{
    requester->receiver_not_ready++;
    flight->state = FLIGHT_WAITING;
    flight->send_at = now + wait_after(requester->times.busy, requester->times.busy_most, flight->tries);
}

static void receive_acknowledge(struct requester *requester, struct in_flight *flight, const struct message *message,
                                uint64_t now)
{
    if (message->syndrome == SYNDROME_RNR_NAK)
        told_to_wait(requester, flight, now);
    else if (message->syndrome == SYNDROME_NAK_REMOTE_ACCESS)
        requester->failure = FAILURE_ACCESS;
    else if (message->syndrome == SYNDROME_NAK_INVALID_REQUEST)
        requester->failure = FAILURE_INVALID;
    else if (message->syndrome != SYNDROME_ACK)
        requester->failure = FAILURE_REMOTE;
    else if (requester->opcode == OPCODE_RDMA_WRITE_ONLY)
        complete(requester, flight);
}

void requester_receive(struct requester *requester, const struct message *message, uint64_t now)
{
    struct in_flight *flight = slot_of(requester, message->psn);
    if (message->qp != requester->qp || flight->state == FLIGHT_FREE || flight->psn != message->psn)
        return;
    requester->heard = now;
    if (message->opcode == OPCODE_ACKNOWLEDGE) {
        receive_acknowledge(requester, flight, message, now);
    } else if (message->opcode == OPCODE_RDMA_READ_RESPONSE_ONLY && requester->opcode == OPCODE_RDMA_READ_REQUEST &&
               message->payload_length == flight->length) {
        memcpy(requester->into + flight->offset, message->payload, flight->length);
        complete(requester, flight);
    } else if (message->opcode == OPCODE_ATOMIC_ACKNOWLEDGE && is_atomic(requester)) {
        requester->original = message->original;
        complete(requester, flight);
    }
}

bool requester_done(const struct requester *requester)
{
    return requester->failure != 0 || requester->completed == requester->length;
}

uint64_t requester_wake_at(const struct requester *requester)
{
    uint64_t earliest = requester->heard + requester->times.give_up;
    for (uint32_t i = 0; i < REQUEST_WINDOW; i++) {
        const struct in_flight *flight = &requester->flights[i];
        if (flight->state != FLIGHT_FREE && flight->send_at < earliest)
            earliest = flight->send_at;
    }
    return earliest;
}
