#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        if (meta.x) {}
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:13: the condition of 'if' is a bool, not bit<8>
