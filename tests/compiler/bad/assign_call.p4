#include "frame.p4"

bit<8> f() { return 1; }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        f() = 1;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:9: cannot assign: this expression is no place that can be written
