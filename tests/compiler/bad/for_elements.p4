#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        for (ethernet_t t in hdr.tags) {}
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:25: the elements have the type tag_t, not ethernet_t
