#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.x = (bit<8>) (meta.flag ? 1 : 2);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:28: '?:' chooses between numbers without a width: give one of them a width
