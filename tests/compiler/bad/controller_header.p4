#include "frame.p4"

@controller_header("packet_in")
struct s {
    bit<8> a;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:8: @controller_header stands before a header
