/* A packet of the rack as values in host order, and both ways between them and bytes. Pure. */
#ifndef RACKMEM_MESSAGE_H
#define RACKMEM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_SIZE 1024U      /* path MTU: the most payload of one packet */
#define UNPADDED_READ 128U      /* a read of more brings room for its answer */
#define ICRC_SIZE 4U
#define PSN_MASK 0xffffffU
#define LARGEST_HEADERS 160U
#define LARGEST_FRAME 1500U

/* AETH.msn of an answer from coherent memory. */
struct coherent_answer {
    uint8_t region_log2;
    uint8_t permission;
    bool pending;
    uint16_t version;
};

struct coherence {
    uint64_t va;
    uint64_t page;
    uint32_t peer_qp;
    uint32_t peer_psn;
    uint16_t version;
    uint8_t flags;
    uint8_t region_log2;
    uint8_t requester;
    uint8_t false_pages;
};

/* Only the fields that the opcode's headers hold mean something. */
struct message {
    uint8_t opcode;
    uint8_t syndrome;
    uint32_t qp;
    uint32_t psn;
    uint64_t va;
    uint32_t rkey;
    uint32_t length;
    uint64_t swap_or_add;
    uint64_t compare;
    uint64_t original;
    struct coherent_answer answer;
    struct coherence coherence;
    const uint8_t *payload;
    uint32_t payload_length; /* when built: data or padding that the caller appends */
};

struct endpoints {
    uint64_t own_mac;
    uint64_t rack_mac;
    uint32_t own_address;
    uint32_t rack_address;
};

/* Reads one Ethernet frame; false when it is not a whole, well formed packet of the rack. `payload` points into it. */
bool message_parse(const uint8_t *frame, size_t length, struct message *message);

/* Writes the headers of a packet from this blade to the rack; returns their length (at most LARGEST_HEADERS).
 * payload_length bytes of payload and ICRC_SIZE zero bytes follow them. */
size_t message_build(const struct message *message, const struct endpoints *endpoints, uint8_t *headers);

/* How far `to` is ahead of `from` among 24-bit sequence numbers. */
static inline uint32_t psn_distance(uint32_t from, uint32_t to)
{
    return (to - from) & PSN_MASK;
}

/* Whether a version is older than another, as serial numbers of 16 bits. */
static inline bool version_older(uint16_t left, uint16_t right)
{
    return (int16_t)(uint16_t)(left - right) < 0;
}

#endif
