#include "frame.p4"

struct g<T> { T t; }
typedef g<void> h;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:11: void cannot be a type argument
