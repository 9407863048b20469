#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.either.setValid();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:9: 'setValid' is called on a member of a header_union, not on the union
