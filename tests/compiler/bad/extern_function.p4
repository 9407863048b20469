#include "frame.p4"

extern void f(in bit<8> x);

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        f(meta.x);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:9: v1model has no extern function 'f'
