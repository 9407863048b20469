#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        for (bit<8> i = 0; i; i = i + 1) {}
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:28: the condition of 'for' is a bool, not bit<8>
