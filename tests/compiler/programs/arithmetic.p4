/* Operators: widths, signs, saturation, slices, concatenation, shifts, casts and constants. */
#include "frame.p4"

const int BIG = (1 << 70) - 1;
const bit<8> FOLDED = (bit<8>) (BIG >> 62);

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        bit<8> a = hdr.data.a;
        bit<8> b = hdr.data.b;
        int<8> s = (int<8>) a;
        hdr.data.a = (a |+| b);
        hdr.data.b = (a |-| b);
        hdr.data.c = (bit<8>) (s >> 1);
        hdr.data.d = a[3:0] ++ b[7:4];
        hdr.data.e[7:4] = a[3:0];
        hdr.data.f = (bit<8>) ((int<16>) s)[15:8];
        hdr.data.g = (s < 0 ? 8w1 : 8w2) + (FOLDED & 0x10) + (bit<8>) (bit<1>) (a > b);
        hdr.data.h = -(a * b) ^ ~(a << 1) | (b / 4) & (b % 8);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
