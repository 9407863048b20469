#include "frame.p4"

bit<8> f() {
    return true;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:12: the result has the type bit<8>, but this is bool
