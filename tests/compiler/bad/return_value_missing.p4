#include "frame.p4"

bit<8> f() {
    return;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:5: 'return' needs a value of the type bit<8>
