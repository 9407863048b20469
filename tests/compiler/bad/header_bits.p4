#include <v1model.p4>

header h_t {
    bit<3> a;
}

struct headers_t {
    h_t h;
}

struct meta_t {}

parser P(packet_in p, out headers_t h, inout meta_t m, inout standard_metadata_t s) {
    state start {
        transition accept;
    }
}

control V(inout headers_t h, inout meta_t m) {
    apply {}
}

control I(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
    apply {}
}

control D(packet_out p, in headers_t h) {
    apply {}
}

V1Switch(P(), V(), I(), I(), V(), D()) main;
// error: 3:8: the header h_t has 3 bits, which are no whole bytes
