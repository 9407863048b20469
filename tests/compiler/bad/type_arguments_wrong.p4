#include "frame.p4"

struct g<T> { T t; }
typedef g<bit<8>, bit<8>> h;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:9: 'g' takes 1 type argument(s), not 2
