#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), C(), C(), D()) main;
// error: 7:25: the parameter 'eg' has the type Egress<headers_t, meta_t>, but this is C
