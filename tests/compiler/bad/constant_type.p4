#include "frame.p4"

const tag_t[2] A = {};

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:7: a constant cannot have the type tag_t[2]
