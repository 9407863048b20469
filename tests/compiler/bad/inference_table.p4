#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        actions = { NoAction; }
    }

    apply {
        digest(1, t);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 9:19: 'data' cannot be table
