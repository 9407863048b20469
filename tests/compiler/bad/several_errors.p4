#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.x = unknown1;
        meta.y = meta.x;
        if (meta.y) {
            hdr.nothing.setValid();
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:18: unknown name 'unknown1'
// error: 6:18: the left side has the type bit<16>, but this is bit<8>
// error: 7:13: the condition of 'if' is a bool, not bit<16>
// error: 8:17: headers_t has no member 'nothing'
