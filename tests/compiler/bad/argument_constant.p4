#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    HashAlgorithm alg;

    apply {
        update_checksum(true, { meta.x }, meta.y, alg);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:51: the parameter 'algo' needs a value that is known at compile time
