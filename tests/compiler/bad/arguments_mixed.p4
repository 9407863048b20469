#include "frame.p4"

void f(in bit<8> a, in bit<8> b) {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        f(1, b = 2);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:9: function 'f': either all arguments have names or none
