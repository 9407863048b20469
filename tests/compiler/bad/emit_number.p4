#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

control F(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet.type);
    }
}

V1Switch(P(), V(), I(), E(), C(), F()) main;
// error: 9:9: 'emit' takes headers, header unions, stacks and structs of them
