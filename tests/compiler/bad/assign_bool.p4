#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.flag = 1;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:21: the left side has the type bool, but this is int
