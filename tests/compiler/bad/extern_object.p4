#include "frame.p4"

extern ex {
    ex();
    void f();
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    ex() e;

    apply {
        e.f();
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 9:10: v1model has no extern 'ex' that programs can instantiate
