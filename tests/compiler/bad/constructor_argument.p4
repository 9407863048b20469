#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    counter(hdr.ethernet.type, CounterType.bytes) c;

    apply {
        c.count(0);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:13: the parameter 'size' has the type bit<32>, but this is bit<16>
