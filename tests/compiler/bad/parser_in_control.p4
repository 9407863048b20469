#include "frame.p4"

parser sub(inout bit<8> x) {
    state start {
        transition accept;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    sub() p;

    apply {
        p.apply(meta.x);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 10:11: a parser cannot be instantiated in a control
// error: 13:9: a parser is applied in a parser state only
