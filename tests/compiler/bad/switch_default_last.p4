#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {}
    table t {
        actions = { a; }
        default_action = a;
    }

    apply {
        switch (t.apply().action_run) {
            default: {}
            a: {}
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 12:13: 'default' must be the last label
