#include "frame.p4"

typedef list<bit<8>, bit<8>> t;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:9: list takes 1 type argument, not 2
