#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.tags.next.setValid();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:18: 'next' of a stack can be used in parsers only
