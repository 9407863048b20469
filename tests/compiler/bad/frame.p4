/* What bad programs share: types, and every block of V1Switch but the ingress. */
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header option_t {
    bit<8>      kind;
    varbit<320> data;
}

header tag_t {
    bit<8> a;
    bit<8> b;
}

header_union either_t {
    ethernet_t e;
    tag_t      t;
}

struct headers_t {
    ethernet_t ethernet;
    option_t   option;
    tag_t[4]   tags;
    either_t   either;
}

struct meta_t {
    bit<8>  x;
    bit<16> y;
    int<8>  s;
    bool    flag;
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

control C(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
    }
}
