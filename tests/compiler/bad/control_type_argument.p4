#include "frame.p4"
control inner<T>(inout bit<8> v) {
    apply {
        T kept;
    }
}
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    inner<bit<8>>() known;
    apply {
        bit<8> v = 0;
        known.apply(v);
        inner.apply(v);
        inner<bit<8>>.unknown(v);
    }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 12:9: cannot tell the type argument T of 'inner'
// error: 13:23: inner<bit<8>> has no member 'unknown'
