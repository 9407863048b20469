#include "frame.p4"

bit<8> f(in bit<8> a) {
    return f(a);
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:12: 'f' cannot call itself
