#include "frame.p4"

enum e { A, B, A }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:16: the enum 'e' has the member 'A' twice
