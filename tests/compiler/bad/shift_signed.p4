#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.x = meta.x << meta.s;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:28: the amount of a shift must be unsigned
