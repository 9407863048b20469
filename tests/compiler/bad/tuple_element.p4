#include "frame.p4"

typedef tuple<packet_in> t;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:15: an element of a tuple cannot have the type packet_in
