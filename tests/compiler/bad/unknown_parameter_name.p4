#include "frame.p4"

void f(in bit<8> a) {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        f(b = 8w1);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:9: function 'f': there is no parameter 'b'
