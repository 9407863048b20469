#include "frame.p4"

header h {
    ethernet_t e;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 4:5: the field 'e' of the header cannot have the type ethernet_t
