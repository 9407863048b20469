#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        tuple<bit<8>, bit<8>> t = {1, 2};
        meta.x = t[2];
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 6:20: the index 2 is outside of tuple<bit<8>, bit<8>>
