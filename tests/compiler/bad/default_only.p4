#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    table t {
        key = { meta.x : exact; }
        actions = { @defaultonly a; }
        default_action = a;
        const entries = { 1 : a; }
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 9:31: 'a' is @defaultonly and cannot stand in an entry
