#include "frame.p4"

const int A = 1 << 100000;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:15: this has no value: a number of more than 65536 bits
