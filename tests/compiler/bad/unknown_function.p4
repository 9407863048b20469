#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        mark_to_dorp(sm);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
// error: 5:9: unknown function 'mark_to_dorp'
