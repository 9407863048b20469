#include "frame.p4"

@p4runtime_translation("uri", bool)
type bit<9> port_t;

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:13: @p4runtime_translation takes a URI and one of bit<W>, string
