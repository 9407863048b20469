#include "frame.p4"

control inner(inout bit<8> x)(bit<8> n) {
    apply {
        x = n;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        inner.apply(meta.x);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 11:9: 'inner' has constructor parameters: make an instance first
