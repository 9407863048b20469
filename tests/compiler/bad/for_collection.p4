#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        for (bit<8> i in meta.x) {}
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:26: a loop runs over a range, a list or a stack, not over bit<8>
