#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        actions = { NoAction; }
    }

    apply {
        if (t.apply().action_run == t.apply().action_run) {}
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 9:23: 'action_run' can be the selector of a switch only
// error: 9:47: 'action_run' can be the selector of a switch only
