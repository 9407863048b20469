#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        actions = { NoAction; }
        size = 1;
        size = 2;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:9: the table has 'size' twice
