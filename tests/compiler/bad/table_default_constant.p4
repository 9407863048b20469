#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a(bit<8> x) {}
    table t {
        actions = { a; }
        default_action = a(meta.x);
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:28: the argument of 'x' must be known at compile time
