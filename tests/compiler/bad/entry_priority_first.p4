#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    table t {
        key = { meta.x : ternary; }
        actions = { a; }
        default_action = a;
        entries = {
            1 : a;
            priority = 2 : 2 : a;
        }
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 10:13: the first entry needs a priority when others have one
