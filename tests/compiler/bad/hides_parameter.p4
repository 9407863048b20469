#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        bit<8> meta = 1;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:16: 'meta' hides the parameter of this name
