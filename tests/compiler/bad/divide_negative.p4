#include "frame.p4"

const int A = -5 / 2;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:15: '/' does not work on the negative number -5
