#include "frame.p4"

error { NoMatch }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:9: error has the member 'NoMatch' twice
