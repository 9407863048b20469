#include "frame.p4"

struct g<T> { T t; }
struct s {
    g f;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:5: 'g' needs its type arguments <T>
