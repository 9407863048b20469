#include "frame.p4"

void f(out bit<8> a) { a = 1; }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        f(1);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:11: the parameter 'a' is written: this expression is no place that can be written
