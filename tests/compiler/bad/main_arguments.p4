#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C()) main;
// error: 7:35: constructor of 'V1Switch': there is no argument for 'dep'
