#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    register<bit<8>>(4) r;
    @name("r") register<bit<8>>(4) q;

    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:36: two objects have the control-plane name 'I.r'
