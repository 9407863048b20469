#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a(in bit<8> y, bit<8> x) {}
    table t {
        actions = { a(meta.x); }
        default_action = a(hdr.tags[0].a, 1);
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:28: 'y' is bound to something else in the list of actions
