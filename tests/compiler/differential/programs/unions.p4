/* Header unions, alone and in a stack: one member at most is valid. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> op;
    bit<8> seen;
}

header short_t {
    bit<8> tag;
    bit<8> v;
}

header long_t {
    bit<8> tag;
    bit<24> v;
}

header_union either_t {
    short_t s;
    long_t l;
}

struct headers_t {
    given_t given;
    either_t[3] options;
    either_t alone;
}

struct meta_t {}

#define HAS_PARSER
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.given);
        transition first;
    }
    state first {
        transition select(packet.lookahead<bit<8>>()) {
            1: short_option;
            2: long_option;
            3: alone;
            default: accept;
        }
    }
    state short_option {
        packet.extract(hdr.options.next.s);
        transition first;
    }
    state long_option {
        packet.extract(hdr.options.next.l);
        transition first;
    }
    state alone {
        packet.extract(hdr.alone.l);
        transition accept;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        hdr.given.seen = 0;
        if (hdr.options[0].s.isValid()) { hdr.given.seen[0:0] = 1; }
        if (hdr.options[0].l.isValid()) { hdr.given.seen[1:1] = 1; }
        if (hdr.options[1].isValid()) { hdr.given.seen[2:2] = 1; }
        if (hdr.alone.isValid()) { hdr.given.seen[3:3] = 1; }
        if (hdr.given.op == 1 && hdr.options[0].s.isValid()) {
            hdr.options[0].l.setValid();
            hdr.options[0].l.tag = 9;
            hdr.options[0].l.v = 0x010203;
        }
        if (hdr.given.op == 2) {
            hdr.alone.s.setValid();
            hdr.alone.s = { 8, 0x88 };
        }
        if (hdr.given.op == 3) {
            hdr.alone.l.setInvalid();
        }
        if (hdr.given.op == 4 && hdr.options[1].l.isValid()) {
            hdr.options[1].l.v = hdr.options[1].l.v + 1;
        }
    }
}

#include "tail.p4"
