#include "frame.p4"

struct s {
    tag_t[0] t;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:11: a stack cannot have 0 elements
