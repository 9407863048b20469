#include "frame.p4"

typedef meta_t<bit<8>> m;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:9: 'meta_t' takes no type arguments
