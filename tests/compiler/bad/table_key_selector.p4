#include "frame.p4"

match_kind { custom }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    table t {
        key = { meta.x : custom; }
        actions = { NoAction; }
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:26: v1model has no match kind 'custom'
