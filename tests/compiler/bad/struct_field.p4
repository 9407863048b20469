#include "frame.p4"

struct s {
    packet_in p;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:5: the field 'p' of the struct cannot have the type packet_in
