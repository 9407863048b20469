#include "frame.p4"

const bool A = "a" == "b";

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:16: values of the type string cannot be compared
