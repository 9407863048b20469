#include <v1model.p4>

struct headers_t {}

struct meta_t {
    @field_list(some)
    bit<8> a;
}

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
// error: 7:12: @field_list takes numbers, not 'some'
