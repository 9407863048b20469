#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        digest(1, {a = meta.x});
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:19: the type of this literal is not known: write a cast in front
