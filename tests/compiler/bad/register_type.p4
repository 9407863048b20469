#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    register<meta_t>(4) r;

    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:25: a register holds numbers, not meta_t
