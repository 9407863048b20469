#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    direct_counter(CounterType.bytes) c;
    table t {
        actions = { NoAction; }
        counters = c;
    }
    table u {
        actions = { NoAction; }
        counters = c;
    }

    apply {
        t.apply();
        u.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 11:20: 'I.c' already belongs to the table 'I.t'
