#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    register<bit<8>>(4) r;

    apply {
        r.raed(meta.x, 0);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:11: register<bit<8>> has no member 'raed'
