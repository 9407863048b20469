#include "frame.p4"

enum e { A = 1 }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:10: only an enum with an underlying type gives its members values
