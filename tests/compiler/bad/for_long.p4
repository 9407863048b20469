#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        for (bit<32> i in 0 .. 100000) {
            meta.x = 1;
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:27: the loop runs 100001 times, more than 4096
