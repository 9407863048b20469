#include "frame.p4"

const list<bit<8>> A = ...;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:24: 'A' has the type list<bit<8>>, but this is ...
