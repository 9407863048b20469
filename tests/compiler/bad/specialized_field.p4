#include "frame.p4"

header g<T> {
    T t;
}
struct s {
    g<ethernet_t> f;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 7:5: the field 't' of g<ethernet_t> cannot have the type ethernet_t
