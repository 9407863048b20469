#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        const bit<8> a = meta.x;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:26: the value of 'a' must be known at compile time
