/* The blocks that a program of this folder has not defined itself: it says HAS_... for those that it has. */
#ifndef HAS_VERIFY
control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}
#endif
#ifndef HAS_EGRESS
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}
#endif
#ifndef HAS_COMPUTE
control C(inout headers_t hdr, inout meta_t meta) {
    apply {}
}
#endif
#ifndef HAS_DEPARSER
control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}
#endif
#ifndef HAS_PARSER
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.given);
        transition accept;
    }
}
#endif
V1Switch(P(), V(), I(), E(), C(), D()) main;
