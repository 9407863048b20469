#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    table t {
        actions = { a; }
        default_action = a;
        const entries = {
            1 : a;
        }
        key = { meta.x : exact; }
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 8:15: 'entries' must stand after 'key' and 'actions'
