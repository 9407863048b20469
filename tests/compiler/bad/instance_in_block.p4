#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        counter(4, CounterType.bytes) c;
        c.count(0);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:39: an instance cannot be made among statements
// error: 6:9: unknown name 'c'
