#include "frame.p4"

enum bit<8> e { A = 16w1 }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:21: 'A' has the type bit<8>, but this is bit<16>
