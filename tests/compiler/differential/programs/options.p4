/* varbit with lengths from the packet, copied, absent and too long; verify; advance; errors of the parser. */
#include <core.p4>
#include <v1model.p4>

error {
    TooManyWords
}

header given_t {
    bit<4> words;
    bit<4> skip;
    bit<8> code;
    bit<16> ahead;
}

header body_t {
    bit<8> kind;
    varbit<96> data;
}

header tail_t {
    bit<8> v;
}

struct headers_t {
    given_t given;
    body_t body;
    body_t copy;
    tail_t tail;
}

struct meta_t {
    bit<16> ahead;
}

#define HAS_PARSER
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.given);
        verify(hdr.given.words < 14, error.TooManyWords);
        packet.advance((bit<32>) hdr.given.skip * 8);
        meta.ahead = packet.lookahead<bit<16>>();
        packet.extract(hdr.body, (bit<32>) hdr.given.words * 8);
        transition select(hdr.body.kind, hdr.given.skip) {
            (0x10 .. 0x1f, _): tail;
            (0x80 &&& 0xf0, 1): tail;
            (_, 2): reject;
            (0xff, _): none;
            default: accept;
        }
    }
    state tail {
        packet.extract(hdr.tail);
        transition accept;
    }
    state none {
        transition select(hdr.given.words) {
            1: accept;
#ifdef NO_MATCH_IS_NO_ERROR
            default: reject;
#endif
        }
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        hdr.given.ahead = meta.ahead;
        hdr.given.code = 0;
        if (sm.parser_error == error.PacketTooShort) { hdr.given.code = 1; }
        if (sm.parser_error == error.TooManyWords) { hdr.given.code = 2; }
        if (sm.parser_error == error.HeaderTooShort) { hdr.given.code = 3; }
        if (sm.parser_error == error.NoMatch) { hdr.given.code = 4; }
        if (hdr.tail.isValid()) {
            hdr.copy = hdr.body;
            hdr.tail.v = hdr.tail.v + 1;
        }
        if (hdr.body.kind == 0x33) {
            hdr.body.setInvalid();
        }
    }
}

#include "tail.p4"
