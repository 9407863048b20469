#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    table t {
        key = {}
        actions = { a; }
        default_action = a;
        const entries = {
            1 : a;
        }
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:11: the table 't' has entries but no key
