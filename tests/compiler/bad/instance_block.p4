#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    E() e = {};

    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:9: an instance of E cannot have a block of methods
