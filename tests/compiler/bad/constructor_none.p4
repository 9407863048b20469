#include "frame.p4"

bool f() { return true; }
const bool A = ethernet_t();

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:16: ethernet_t has no constructor
