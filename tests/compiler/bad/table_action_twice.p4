#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    table t {
        actions = { a; a; }
        default_action = a;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:24: the action 'a' is in the list twice
