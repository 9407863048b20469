#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        actions = { NoAction; }
    }
    @name("t")
    table u {
        actions = { NoAction; }
    }

    apply {
        t.apply();
        u.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 8:11: two tables have the control-plane name 'I.t'
