#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    bit<8> y;

    apply {
        meta.x = (bit<8>) x;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:27: unknown name 'x'
