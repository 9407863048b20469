#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.flag = meta.x == meta.flag;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:21: cannot compare bit<8> with bool
