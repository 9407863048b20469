#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        tuple<bit<8>> t = {NoAction};
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:28: a list cannot hold action
