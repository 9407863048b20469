#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        static_assert(meta.flag);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:23: the parameter 'check' needs a value that is known at compile time
