#include "frame.p4"

parser Q(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract();
        transition accept;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

V1Switch(Q(), V(), I(), E(), C(), D()) main;
// error: 5:9: no method 'extract' takes these 0 argument(s)
