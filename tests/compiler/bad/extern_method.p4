#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    Checksum16() c;

    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:18: v1model has no extern 'Checksum16' that programs can instantiate
