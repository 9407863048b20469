#include "frame.p4"

parser Q(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        transition acept;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(Q(), V(), I(), E(), C(), D()) main;
// error: 5:20: unknown state 'acept'
// error: 3:8: the parser 'Q' never reaches 'accept' or 'reject'
