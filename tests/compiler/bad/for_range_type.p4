#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        for (bit<8> i in 16w1 .. 16w2) {}
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:26: the loop's variable has the type bit<8>, but this is bit<16>
// error: 5:34: the loop's variable has the type bit<8>, but this is bit<16>
