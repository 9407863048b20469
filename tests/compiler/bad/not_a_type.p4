#include "frame.p4"

const bit<8> A = 1;
struct s {
    A a;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:5: 'A' is not a type
