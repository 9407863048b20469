#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        random(meta.x, 8w0, 16w9);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:29: the parameter 'hi' has the type bit<8>, but this is bit<16>
