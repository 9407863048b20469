#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.tags.pop_front(-1);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:28: the argument of 'pop_front' cannot be negative
