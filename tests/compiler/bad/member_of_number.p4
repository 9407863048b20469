#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.x = meta.x.y;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:25: bit<8> has no member 'y'
