#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.x = "a";
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:18: the left side has the type bit<8>, but this is string
