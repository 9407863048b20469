#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        log_msg("{}", {meta.x, 1});
        hash(meta.x, HashAlgorithm.crc32, 8w0, { meta.x }, 10);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:23: this number needs a width here, as in 8w1
// error: 6:60: this number needs a width here, as in 8w1
