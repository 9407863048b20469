#include "frame.p4"

const bool OK = static_assert(1 > 2, "one is not more than two");

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:17: static_assert failed: one is not more than two
