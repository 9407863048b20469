#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        bit<8> a = 1;
        bit<16> a = 2;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:17: 'a' is declared twice
