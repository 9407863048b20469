#include "frame.p4"

bit<8> f() { return 1; }
enum bit<8> e { A = f() }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:21: the value of 'A' must be known at compile time
