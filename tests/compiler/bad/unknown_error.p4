#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        meta.flag = sm.parser_error == error.NoEror;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:46: error has no member 'NoEror'
