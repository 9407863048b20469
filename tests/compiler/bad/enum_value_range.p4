#include "frame.p4"

enum bit<4> e { A = 16 }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:21: 16 does not fit in bit<4>
