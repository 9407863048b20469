#include "frame.p4"

header h {
    varbit<8> a;
    varbit<8> b;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 3:8: the header 'h' has more than one varbit field
