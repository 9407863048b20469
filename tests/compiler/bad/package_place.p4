#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    V1Switch(P(), V(), E(), E(), C(), D()) inner;

    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:44: a package cannot be instantiated in a control
