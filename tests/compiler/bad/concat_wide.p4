#include "frame.p4"

const bit<16384> A = 0;
const bit<16384> B = (A ++ A)[16383:0];

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:23: the result has 32768 bits, more than 16384
