/* Numbers of odd and large widths: wrapping, saturation, shifts by any distance, signs, slices, comparison. */
#include <core.p4>
#include <v1model.p4>

header numbers_t {
    bit<128> a;
    bit<128> b;
    bit<7>   u;
    int<5>   s;
    bit<4>   n;
}

header results_t {
    bit<128> sum;
    bit<128> product;
    bit<128> left;
    bit<128> right;
    bit<128> bits;
    bit<8>   flags;
    bit<8>   saturated_up;
    bit<8>   saturated_down;
    bit<8>   signed_up;
    bit<8>   signed_down;
    bit<8>   signed_right;
    bit<8>   signed_wide;
    bit<8>   negated;
    bit<8>   quotient;
    bit<8>   rest;
}

struct headers_t {
    numbers_t numbers;
    results_t results;
}

struct meta_t {}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.numbers);
        transition accept;
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        bit<128> a = hdr.numbers.a;
        bit<128> b = hdr.numbers.b;
        bit<7> u = hdr.numbers.u;
        int<5> s = hdr.numbers.s;
        hdr.results.setValid();
        hdr.results.sum = a + b;
        hdr.results.product = a * b;
        hdr.results.left = a << (b[7:0]);
        hdr.results.right = a >> (b[7:0]);
        hdr.results.bits = (a & ~b) ^ (b | 5);
        hdr.results.bits[70:60] = a[10:0];
        hdr.results.flags = (bit<1>) (a < b) ++ (bit<1>) (a == b) ++ (bit<1>) (a >= b)
            ++ (bit<1>) (s < 0) ++ (bit<1>) (s > -3) ++ (bit<1>) ((bit<5>) s > 16) ++ u[6:5];
        hdr.results.saturated_up = (bit<8>) (u |+| 100);
        hdr.results.saturated_down = (bit<8>) (u |-| 100);
        hdr.results.signed_up = (bit<8>) (int<8>) (s |+| 12);
        hdr.results.signed_down = (bit<8>) (int<8>) (s |-| 12);
        hdr.results.signed_right = (bit<8>) (int<8>) (s >> hdr.numbers.n);
        hdr.results.signed_wide = (bit<8>) ((bit<128>) (int<128>) (int<8>) s)[127:120];
        hdr.results.negated = (bit<8>) (-u) ^ (bit<8>) (int<8>) (-s);
        hdr.results.quotient = (bit<8>) (u / 8);
        hdr.results.rest = (bit<8>) (u % 16);
        sm.egress_spec = 1;
    }
}

control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

control C(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.results);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
