#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        verify(true, error.NoMatch);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:9: 'verify' can be called in parsers only
