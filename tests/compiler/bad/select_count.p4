#include "frame.p4"

parser Q(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        transition select(meta.x, meta.y) {
            (1, 2, 3): accept;
        }
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(Q(), V(), I(), E(), C(), D()) main;
// error: 6:13: select has 2 key(s), but this case gives 3
