#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        actions = { NoAction; }
        largest_priority_wins = 1;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:33: 'largest_priority_wins' is true or false
