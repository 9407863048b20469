#include "frame.p4"

action a(bit<8> x, in bit<8> y) {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:8: 'y' must stand before the parameters without direction
