#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    register<bit<8>>(4) r;

    apply {
        r = r;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:9: cannot assign: 'r' is no variable
