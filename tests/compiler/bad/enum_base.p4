#include "frame.p4"

enum bool e { A = true }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:6: an enum's underlying type is bit<W> or int<W>, not bool
