#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        actions = { NoAction; }
    }

    apply {
        if (t.apply().hits) {}
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 9:23: apply_result has no member 'hits'
