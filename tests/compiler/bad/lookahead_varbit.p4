#include "frame.p4"

parser Q(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        hdr.option = packet.lookahead<option_t>();
        transition accept;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(Q(), V(), I(), E(), C(), D()) main;
// error: 5:22: 'lookahead' reads types of a fixed width, not option_t
