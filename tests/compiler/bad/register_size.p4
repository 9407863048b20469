#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    register<bit<8>>(0xFFFFFFFF) r;

    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:34: the size 4294967295 is not between 0 and 268435456
