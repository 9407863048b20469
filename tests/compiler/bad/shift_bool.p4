#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.x = meta.flag << 1;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:18: '<<' does not work on bool and int
