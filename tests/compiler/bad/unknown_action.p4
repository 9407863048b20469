#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action forward() {}
    table t {
        actions = { forwrad; }
        default_action = forwrad;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:21: unknown action 'forwrad'
