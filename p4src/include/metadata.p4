/* What the stages tell each other about one packet, and the headers that they see. */
#ifndef RACKPLANE_METADATA_P4
#define RACKPLANE_METADATA_P4

/* Who sent the packet, by its port. */
enum bit<2> Sender {
    UNKNOWN = 0,
    COMPUTE = 1,
    MEMORY  = 2
}

/* What a packet asks of the directory. UPGRADE is GET_MODIFIED of length 0. DIRECT is READ or an atomic. */
enum bit<4> Event {
    NONE           = 0,
    GET_SHARED     = 1,
    GET_MODIFIED   = 2,
    UPGRADE        = 3,
    INVALIDATE_ACK = 4,
    PUSH           = 5,
    PUSH_EMPTY     = 6,
    WRITE          = 7,
    DIRECT         = 8,
    EVICT          = 9,
    RESET          = 10,
    RECALL         = 11, /* the control plane takes every copy back */
    COMPARE_SWAP   = 12  /* the control plane changes the entry itself */
}

/* States of a directory entry: docs/coherence.md. */
enum bit<4> State {
    I    = 0,
    S    = 1,
    M    = 2,
    SM_A = 3,
    MS_D = 4,
    MM_D = 5,
    SL_A = 6,
    ML_A = 7,
    L    = 8
}

/* What a transition does to the set of sharers. */
enum bit<3> Sharers {
    KEEP           = 0,
    SENDER         = 1, /* the sender alone */
    ADD_SENDER     = 2,
    REMOVE_SENDER  = 3,
    REQUESTER      = 4, /* the transaction's requester alone */
    REQUESTER_KEPT = 5, /* the requester and the sender, who kept its copies */
    ADD_REQUESTER  = 6,
    NOBODY         = 7
}

/* What becomes of the packet. Stages run while it is UNDECIDED. */
enum bit<5> Reply {
    UNDECIDED          = 0,
    DROP               = 1,  /* counted under meta.reason */
    DONE               = 2,  /* it did its work in the directory and ends here */
    L2                 = 3,  /* bridged as it is */
    FLOOD              = 4,
    CPU                = 5,  /* packet-in */
    INJECT             = 6,  /* packet-out */
    RESPONSE           = 7,  /* a memory blade's answer, back to its compute blade */
    FORWARD            = 8,  /* the request, to the memory blade */
    INVALIDATE         = 9,  /* INVALIDATE to the sharers */
    INVALIDATE_FORWARD = 10, /* both in one multicast */
    PUSH               = 11, /* WRITE to the memory blade and READ response to the requester */
    FETCH              = 12, /* READ to the memory blade on the requester's behalf */
    GRANT              = 13, /* GRANT to the requester */
    GRANT_BACK         = 14, /* GRANT to the sender */
    CONFIRM            = 15, /* EVICT, confirmed */
    CONFIRM_STALE      = 16,
    REFUSE             = 17  /* ACKNOWLEDGE with meta.syndrome, to the sender */
}

/* Why a packet was not carried out: the index of its cell in the counter `reasons`. */
enum bit<8> Reason {
    NONE                 = 0,
    /* dropped: malformed */
    TRUNCATED            = 1,  /* it ends inside a header */
    BAD_IP_HEADER        = 2,  /* UDP with IPv4 options or in fragments */
    BAD_IP_CHECKSUM      = 3,
    BAD_LENGTH           = 4,  /* IPv4 length, UDP length and frame disagree */
    SHORT_PAYLOAD        = 5,  /* the UDP length has no room for the verb's headers and data */
    BAD_SEGMENT          = 6,  /* RETH.length out of bounds, across a 1 KiB boundary; an atomic off its 8 bytes */
    UNKNOWN_OPCODE       = 7,  /* no verb that this sender may use */
    /* dropped: has no place here */
    UNKNOWN_PORT         = 8,  /* RoCE from a port that is no blade's */
    NOT_FOR_RACK         = 9,  /* RoCE to another address than the rack's: it would go around protection */
    UNKNOWN_BLADE        = 10, /* an answer or a grant to a blade that is not there */
    UNKNOWN_HOST         = 11, /* a frame to a MAC address that is not there */
    BAD_PACKET_OUT       = 12,
    /* dropped: the directory has no use for it */
    STALE_ACK            = 13, /* INVALIDATE_ACK of another version, or a second one */
    AWAITS_PUSH          = 14, /* a retransmission that the owner's PUSH answers */
    STALE_PUSH_EMPTY     = 15,
    NO_REGION            = 16, /* INVALIDATE_ACK or PUSH_EMPTY outside every region */
    /* refused with an answer */
    NO_ADDRESS           = 17,
    NO_RIGHT             = 18,
    NOT_COHERENT         = 19, /* a coherent verb outside every region */
    NOT_DIRECT           = 20, /* READ, WRITE or an atomic in a region */
    STALE_PUSH           = 21,
    BUSY                 = 22, /* a transaction is under way */
    LOST_COPY            = 23, /* UPGRADE without a copy */
    LOCKED               = 24  /* the control plane has the region */
}

/* Rights: bits of protection's action data. */
const bit<2> RIGHT_NONE  = 0;
const bit<2> RIGHT_READ  = 1;
const bit<2> RIGHT_WRITE = 2;

/* A packet-out's sender, where a blade would be. */
const blade_t NOBODY = 0xFF;

/* Values of packet_out_t.operation and packet_in_t.cause. */
enum bit<8> Operation {
    SEND         = 1, /* send the payload through `port` */
    COMPARE_SWAP = 2, /* directory entry `slot`: if it is `expected`, make it `desired`; the old one comes back */
    RECALL       = 3  /* take every copy of the region of `va` back, or ask the last holders again */
}
enum bit<8> Cause {
    RESET        = 1, /* a compute blade gave up on a region */
    COMPARE_SWAP = 2, /* the answer to Operation.COMPARE_SWAP; its payload is the request's */
    RECALLED     = 3  /* nobody holds the region any more: it is in state L */
}

@controller_header("packet_out")
header packet_out_t {
    Operation operation;
    bit<16>   port;
    bit<32>   slot;
    va_t      va;
    bit<64>   expected;
    bit<64>   desired;
}

@controller_header("packet_in")
header packet_in_t {
    Cause   cause;
    bit<16> port;  /* where the packet came in */
    bit<32> slot;
    bit<64> entry; /* the directory entry: before a COMPARE_SWAP, after every other event */
    bit<32> false_pages; /* COMPARE_SWAP: of the slot, since the program started */
}

/* The invariant CRC of an answer that the switch itself makes. */
header icrc_t {
    bit<32> value;
}

struct headers_t {
    packet_out_t packet_out;
    packet_in_t  packet_in;
    ethernet_t   ethernet;
    ipv4_t       ipv4;
    udp_t        udp;
    bth_t        bth;
    aeth_t       aeth;
    reth_t       reth;
    atomic_eth_t atomic_eth;
    coheth_t     coheth;
    icrc_t       icrc;
}

struct metadata_t {
    /* verdict */
    Reply      reply;
    Reason     reason;
    Syndrome   syndrome;   /* REFUSE */
    /* sender and verb */
    Sender     sender;
    Event      event;
    blade_t    blade;      /* the sending compute blade ... */
    bit<16>    blade_mask; /* ... and its bit among the sharers */
    bit<2>     need;       /* the rights that the verb needs */
    va_t       va;
    /* translation */
    bit<9>     memory_port;
    bit<16>    memory_group;
    va_t       offset;     /* in the memory blade */
    /* directory */
    bit<1>     coherent;
    bit<32>    slot;
    va_t       region_base;
    bit<5>     region_log2;
    bit<64>    entry;
    bit<32>    false_pages; /* COMPARE_SWAP: given up by holders of the slot's regions */
    State      state;      /* before the packet, then after it */
    version_t  version;    /* after the packet */
    blade_t    requester;  /* of the transaction under way */
    bit<1>     multicast;
    bit<16>    targets;    /* multicast: the compute blades that get a copy */
    bit<2>     permission; /* what the answer grants */
    bit<1>     pending;    /* acknowledgements are still missing */
    blade_t    to_blade;   /* RESPONSE, GRANT: the receiver */
}

#endif
