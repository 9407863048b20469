#include "frame.p4"

const int A = 1 |+| 2;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:15: '|+|' needs numbers with a width
