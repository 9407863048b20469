#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        register<bit<8>>(4);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:28: expected the name of the instance, found ';'
