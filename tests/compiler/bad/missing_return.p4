#include "frame.p4"

bit<8> f(in bool b) {
    if (b) {
        return 1;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:8: the function 'f' can end without returning a bit<8>
