#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    const bit<8> A = 1;

    apply {
        A = 2;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:9: cannot assign: 'A' is a constant
