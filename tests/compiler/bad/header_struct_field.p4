#include "frame.p4"

struct inner { error e; }
header h {
    inner i;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:5: the field 'i' of the header has the type inner, which does not fit in a header
