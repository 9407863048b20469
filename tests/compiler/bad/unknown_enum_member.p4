#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.flag = HashAlgorithm.crc33 == HashAlgorithm.crc32;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:35: HashAlgorithm has no member 'crc33'
