#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.tags.push_front(meta.x);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:29: the parameter 'count' has the type int, but this is bit<8>
