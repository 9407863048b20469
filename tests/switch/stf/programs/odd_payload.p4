/* A checksum with payload behind an odd number of bytes, and behind fields of a header that may be missing. */
#include <core.p4>
#include <v1model.p4>

header base_t {
    bit<8>  kind;
    bit<16> sum;
}

header more_t {
    bit<8>  a;
    bit<16> b;
}

struct headers_t {
    base_t base;
    more_t more;
}

struct meta_t {}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.base);
        transition select(hdr.base.kind) {
            1: more;
            default: accept;
        }
    }

    state more {
        packet.extract(hdr.more);
        transition accept;
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
    }
}

control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

control C(inout headers_t hdr, inout meta_t meta) {
    apply {
        update_checksum_with_payload(true, { hdr.base.kind, hdr.more.a, hdr.more.b, 8w0x12, hdr.base.kind },
            hdr.base.sum, HashAlgorithm.csum16);
    }
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
