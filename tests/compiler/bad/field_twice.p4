#include "frame.p4"

struct s {
    bit<8> a;
    bit<8> a;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:12: the struct has the field 'a' twice
