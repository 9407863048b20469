/* Slices whose low bit is computed: read, assigned, combined, in loops. */
#include "frame.p4"
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        bit<32> w = hdr.data.a ++ hdr.data.b ++ hdr.data.c ++ hdr.data.d;
        hdr.data.e = w[hdr.data.e +: 8];
        w[hdr.data.f +: 4] = hdr.data.g[3:0];
        w[hdr.data.f + 8 +: 4] += 1;
        hdr.data.a = w[31:24]; hdr.data.b = w[23:16]; hdr.data.c = w[15:8]; hdr.data.d = w[7:0];
        bit<8> n = 0;
        for (bit<8> i = 0; i < 8; i = i + 2) {
            n[i +: 2] = hdr.data.h[6 - i +: 2];
        }
        hdr.data.h = n;
    }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
