#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    counter(4, CounterType.bytes) c;
    table t {
        actions = { NoAction; }
        counters = c;
    }

    apply {
        t.apply();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:20: 'counters' takes a direct_counter, not a counter
