/* Standard metadata, drops that are taken back, truncation, the payload behind headers that come and go. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> op;
    bit<8> port;
    bit<16> v;
}

header result_t {
    bit<16> ingress;
    bit<32> length;
    bit<32> instance;
    bit<16> egress;
    bit<16> rid;
}

struct headers_t {
    result_t result;
    given_t given;
    given_t extra;
}

struct meta_t {
    bit<16> carried;
}

#define HAS_PARSER
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.given);
        transition select(hdr.given.op[7:7]) {
            1: extra;
            default: accept;
        }
    }
    state extra {
        packet.extract(hdr.extra);
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
        meta.carried = hdr.given.v;
        hdr.result.setValid();
        hdr.result.ingress = (bit<16>) sm.ingress_port;
        hdr.result.length = sm.packet_length;
        hdr.result.instance = sm.instance_type;
        switch (hdr.given.op & 7) {
            1: { mark_to_drop(sm); }
            2: { mark_to_drop(sm); sm.egress_spec = 1; }
            3: { hdr.given.setInvalid(); }
            4: { hdr.extra.setInvalid(); }
            5: { truncate(((bit<32>) hdr.given.port & 0x3f) + 14); }
            6: { sm.egress_spec = 511; }
            default: {}
        }
    }
}

#define HAS_EGRESS
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.result.egress = (bit<16>) sm.egress_port;
        hdr.result.rid = sm.egress_rid;
        if (hdr.given.isValid()) {
            hdr.given.v = meta.carried + 1;
            if (hdr.given.op == 0x17) {
                mark_to_drop(sm);
            }
        }
    }
}

#include "tail.p4"
