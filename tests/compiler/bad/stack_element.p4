#include "frame.p4"

struct s {
    bit<8>[4] t;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:5: a stack holds headers or header unions, not bit<8>
