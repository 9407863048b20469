#include "frame.p4"

void f(in bit<8> a, in bit<8> a) {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:31: 'a' is declared twice
