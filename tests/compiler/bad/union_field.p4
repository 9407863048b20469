#include "frame.p4"

header_union u {
    bit<8> a;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:5: the field 'a' of the header_union has the type bit<8>, but a header_union holds headers
