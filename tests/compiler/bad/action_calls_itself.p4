#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action a() {
        a();
    }

    apply {
        a();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:9: 'a' cannot call itself
