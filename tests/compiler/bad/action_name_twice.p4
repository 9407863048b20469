#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    @name("a") action b() {}
    table t {
        actions = { a; b; }
        default_action = a;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:23: two actions have the control-plane name 'I.a'
