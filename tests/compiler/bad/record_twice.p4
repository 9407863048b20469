#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        tag_t t = {a = 1, a = 2, b = 3};
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:27: the field 'a' has a value twice
