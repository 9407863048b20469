#include "frame.p4"

extern ex {
    ex();
}
ex() e = {
    bit<8> f(in bit<8> x) { return x; }
};

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:12: ex has no abstract method 'f'
