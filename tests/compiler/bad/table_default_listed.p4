#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    action b() {}
    table t {
        actions = { a; }
        default_action = b;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 8:26: the action 'b' is not in the table's 'actions'
