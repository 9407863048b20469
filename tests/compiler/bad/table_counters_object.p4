#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        actions = { NoAction; }
        counters = meta.x;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:20: an object must be given by its name here
