/* Operators at odd widths, signed and unsigned, wrapping and saturating; slices, casts, concatenation. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> a;
    bit<8> b;
    bit<13> c;
    bit<3> d;
    bit<32> e;
    int<16> f;
    int<16> g;
    bit<64> h;
    bit<72> i;
    bit<128> j;
}

header result_t {
    bit<8> r0;
    bit<8> r1;
    bit<8> r2;
    bit<8> r3;
    bit<13> r4;
    bit<3> r5;
    bit<32> r6;
    bit<32> r7;
    int<16> r8;
    int<16> r9;
    int<16> r10;
    bit<64> r11;
    bit<64> r12;
    bit<72> r13;
    bit<128> r14;
    bit<128> r15;
    bit<16> r16;
    bit<8> r17;
    bit<32> r18;
    bit<8> r19;
    bit<72> r20;
    bit<128> r21;
    int<16> r22;
    bit<8> r23;
}

struct headers_t {
    given_t given;
    result_t result;
}

struct meta_t {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        given_t x = hdr.given;
        hdr.result.setValid();
        hdr.result.r0 = x.a + x.b * 3 - 7;
        hdr.result.r1 = x.a |+| x.b;
        hdr.result.r2 = x.a |-| x.b;
        hdr.result.r3 = (x.a & ~x.b) ^ (x.b | 0x55);
        hdr.result.r4 = x.c * 5 + (bit<13>) x.d;
        hdr.result.r5 = x.c[4:2] ^ x.d;
        hdr.result.r6 = x.e << x.d;
        hdr.result.r7 = x.e >> x.b;
        hdr.result.r8 = x.f |+| x.g;
        hdr.result.r9 = x.f |-| x.g;
        hdr.result.r10 = x.f >> x.d;
        hdr.result.r11 = x.h << x.a;
        hdr.result.r12 = x.h >> x.d ^ (bit<64>) x.e;
        hdr.result.r13 = x.i + (bit<72>) x.h;
        hdr.result.r14 = x.j - (bit<128>) x.i;
        hdr.result.r15 = x.j << x.a;
        hdr.result.r16 = x.a ++ x.b;
        hdr.result.r17 = (int<7>) x.a[6:0] < 0 ? 8w1 : 8w2;
        hdr.result.r18 = x.e;
        hdr.result.r18[11:4] = x.a;
        hdr.result.r18[31:29] = x.d;
        bit<8> flags = 0;
        if (x.f < x.g) { flags[0:0] = 1; }
        if (x.a <= x.b) { flags[1:1] = 1; }
        if ((int<8>) x.a > (int<8>) x.b) { flags[2:2] = 1; }
        if (x.j >= (bit<128>) x.i) { flags[3:3] = 1; }
        if (x.i == (bit<72>) x.h || x.a != x.b && x.d == 3) { flags[4:4] = 1; }
        if (!(x.f == x.g)) { flags[5:5] = 1; }
        hdr.result.r19 = flags;
        hdr.result.r20 = x.i >> x.d;
        hdr.result.r21 = x.j >> x.b;
        hdr.result.r22 = -x.f * 3;
        hdr.result.r23 = (bit<8>) (x.f > 0 ? x.h : 64w0xff00)[15:8];
    }
}

#include "tail.p4"
