#include "frame.p4"

typedef string string_t;
const int A = string_t.minSizeInBits();

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:15: string has no size
