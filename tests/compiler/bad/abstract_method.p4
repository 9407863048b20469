#include "frame.p4"

extern ex {
    ex();
    abstract bit<8> f(in bit<8> x);
}
ex() e = {
    bit<8> f(in bit<8> x) { return x; }
};

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:6: instances that implement methods, as 'e' does, are not supported
