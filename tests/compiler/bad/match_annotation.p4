#include "frame.p4"

struct s {
    @match(exakt)
    bit<8> a;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:12: unknown match kind 'exakt' in @match
