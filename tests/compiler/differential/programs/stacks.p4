/* Header stacks: next, last and lastIndex, elements by a computed index, push and pop, and what is past the end. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> index;
    bit<8> op;
    bit<8> value;
    bit<8> error_seen;
    bit<8> last;
}

header item_t {
    bit<1> more;
    bit<7> v;
}

struct headers_t {
    given_t given;
    item_t[5] items;
}

struct meta_t {
    bit<8> last;
}

#define HAS_PARSER
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.given);
        transition items;
    }
    state items {
        packet.extract(hdr.items.next);
        meta.last = (bit<8>) hdr.items.lastIndex;
        transition select(hdr.items.last.more) {
            1: items;
            default: accept;
        }
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm); // what its fields hold, nobody knows
            return;
        }
        hdr.given.last = meta.last;
        hdr.given.error_seen = 0;
        if (sm.parser_error == error.StackOutOfBounds) { hdr.given.error_seen = 1; }
        if (sm.parser_error == error.PacketTooShort) { hdr.given.error_seen = 2; }
        bit<3> index = hdr.given.index[2:0];
        switch (hdr.given.op & 7) {
            0: { hdr.items.push_front(1); }
            1: { hdr.items.push_front(2); hdr.items[0].setValid(); hdr.items[0].v = 7w1; hdr.items[0].more = 0; }
            2: { hdr.items.pop_front(1); }
            3: { hdr.items.pop_front(3); }
            4: { if (index < 5) { hdr.items[index].v = hdr.items[index].v + 1; } }
            5: { if (index < 5) { hdr.items[index].setInvalid(); } }
            6: { hdr.items[4] = hdr.items[0]; hdr.items[1] = hdr.items[4]; }
            default: { if (hdr.items[2].isValid()) { hdr.given.value = (bit<8>) hdr.items[2].v; } }
        }
    }
}

#include "tail.p4"
