#include "frame.p4"

action a(int x) {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:14: the parameter 'x' of an action cannot have the type int
