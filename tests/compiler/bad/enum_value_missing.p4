#include "frame.p4"

enum bit<8> e { A = 1, B }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:24: 'B' needs a value: 'B = ...'
