#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        tuple<bit<8>, bit<8>> t = {1, 2, 3};
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:35: 't' has the type tuple<bit<8>, bit<8>> with 2 element(s), but the list has 3
