#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.x = (bit<8>) hdr.ethernet.minSizeInBits(1);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:27: 'minSizeInBits' takes no arguments
