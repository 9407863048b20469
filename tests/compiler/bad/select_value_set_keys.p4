#include "frame.p4"

parser Q(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    value_set<bit<8>>(4) s;

    state start {
        transition select(meta.x, meta.y) {
            s: accept;
        }
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(Q(), V(), I(), E(), C(), D()) main;
// error: 8:13: the keys have the types (bit<8>, bit<16>), the value set bit<8>
