#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        break;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:9: 'break' stands outside of a loop
