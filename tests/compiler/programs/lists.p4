/* Lists as keys of select and as branches of ?:, constants of functions, signed constants as distances of shifts. */
#include <core.p4>
#include <v1model.p4>

enum color_t { RED, GREEN }

header data_t {
    bit<8> a;
    bit<8> b;
    bit<8> c;
    bit<8> d;
}

struct headers_t {
    data_t data;
}

struct meta_t {
    bit<8> chosen;
}

const int<6> DISTANCE = 3;

bit<8> weight(color_t color, bit<8> least) {
    if (color == color_t.GREEN) {
        return least + 1;
    }
    return least;
}

bit<8> sum(color_t color) {
    return weight(color, 4) + weight(color_t.GREEN, 0x10);
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.data);
        transition select(hdr.data.a, { hdr.data.b, hdr.data.c }) {
            (1, { 2, 3 }): first;
            (1, default): second;
            (_, { 2, 3 }): third;
            default: accept;
        }
    }

    state first {
        meta.chosen = 1;
        transition accept;
    }

    state second {
        meta.chosen = 2;
        transition accept;
    }

    state third {
        meta.chosen = 3;
        transition accept;
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        bit<8> d = hdr.data.d;
        hdr.data = d > 7 ? { 1, d, sum(color_t.GREEN), d << DISTANCE } : { 2, sum(color_t.RED), d, 9 };
        hdr.data.a = meta.chosen;
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
