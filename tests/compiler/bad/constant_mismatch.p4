#include "frame.p4"

const bit<8> A = 16w1;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:18: 'A' has the type bit<8>, but this is bit<16>
