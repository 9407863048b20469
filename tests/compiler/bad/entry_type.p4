#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    table t {
        key = { meta.x : exact; }
        actions = { a; }
        default_action = a;
        const entries = {
            true : a;
        }
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 10:13: the key has the type bit<8>, but this is bool
