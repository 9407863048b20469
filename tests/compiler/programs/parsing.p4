/* Parsers inside of parsers, select with masks and ranges, lookahead, verify, errors and header stacks. */
#include <core.p4>
#include <v1model.p4>

error { TooMany }

header first_t {
    bit<4> kind;
    bit<4> count;
}

header item_t {
    bit<1> last;
    bit<7> value;
}

header text_t {
    bit<8>      size;
    varbit<128> data;
}

header result_t {
    bit<8> code;
    bit<8> sum;
    bit<8> peek;
}

struct headers_t {
    result_t  result;
    first_t   first;
    item_t[3] items;
    text_t    text;
}

struct meta_t {
    bit<8> sum;
    bit<8> peek;
}

parser items(packet_in packet, inout item_t[3] chain, out bit<8> sum) {
    bit<8> total = 0;
    state start {
        packet.extract(chain.next);
        total = total + (bit<8>) chain.last.value;
        transition select(chain.last.last) {
            1: done;
            0: start;
        }
    }
    state done {
        sum = total + (bit<8>) chain.lastIndex;
        transition accept;
    }
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    items() i;
    state start {
        packet.extract(hdr.first);
        verify(hdr.first.count <= 8, error.TooMany);
        meta.peek = packet.lookahead<bit<8>>();
        transition select(hdr.first.kind, hdr.first.count) {
            (1, _): list;
            (2, 0 .. 3): text;
            (4 &&& 0xC, _): skip;
            (3, 5): reject;
            default: accept;
        }
    }
    state list {
        i.apply(packet, hdr.items, meta.sum);
        transition accept;
    }
    state text {
        bit<32> size = (bit<32>) packet.lookahead<bit<8>>();
        packet.extract(hdr.text, size << 3);
        transition accept;
    }
    state skip {
        packet.advance(8);
        transition list;
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        bit<8> code = 0xFF;
        if (sm.parser_error == error.NoError) {
            code = 0;
        } else if (sm.parser_error == error.TooMany) {
            code = 1;
        } else if (sm.parser_error == error.StackOutOfBounds) {
            code = 2;
        } else if (sm.parser_error == error.PacketTooShort) {
            code = 3;
        }
        hdr.result = { code, meta.sum, meta.peek };
    }
}

control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

control C(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
